"""Type checkers look into every room."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rooms import NAME, ROOMS, ROOT

WRONG = '\n\ndef planted() -> int:\n    """Return what is no number."""\n    return "text"\n'


@pytest.mark.slow
def test_a_planted_type_error_is_found_in_every_room(tmp_path: Path) -> None:
    for room in (NAME, *ROOMS):
        ignore = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignore)
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks")
    shutil.copytree(ROOT / "typing_links", tmp_path / "typing_links", symlinks=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = {f"{NAME}/__init__.py"}
    for room in ROOMS:
        deepest = max((tmp_path / room).glob("**/*.py"), key=lambda file: len(file.parts))
        planted.add(f"{NAME}/{deepest.relative_to(tmp_path).as_posix()}")
    for name in planted:
        file = tmp_path / name.removeprefix(f"{NAME}/") if name.count("/") > 1 else tmp_path / name
        file.write_text(file.read_text(encoding="utf-8") + WRONG, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {line.partition(":")[0] for line in done.stdout.splitlines() if "error" in line}
    assert {name for name in planted if f"typing_links/{name}" not in found} == set(), done.stdout
