"""Rooms that know no world pass their tests where no world can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rooms import BLIND, ROOT

WORLDS = ("chisel.envs", "chisel.corpora")

BLOCKER = f"""
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if ".".join(name.split(".")[:2]) in {WORLDS!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Block())
"""


@pytest.mark.slow  # the same tests again; `test_imports` reads every import in each quick run
def test_rooms_that_know_no_world_pass_their_tests_without_one(tmp_path: Path) -> None:
    (tmp_path / "blocker.py").write_text(BLOCKER)
    folders = [f"tests/{room.replace('.', '/')}" for room in BLIND]
    assert all((ROOT / folder).is_dir() for folder in folders)
    command = [
        sys.executable,
        "-P",
        "-m",
        "pytest",
        "-q",
        "-p",
        "blocker",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, "-m", "not slow", *folders],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
