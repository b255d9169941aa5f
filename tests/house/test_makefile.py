"""On a machine where it cannot work, `make` says so in one line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.rooms import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make; programs in `folder/bin` come before those of the machine."""
    # The tests may have been started by make, which tells its children so.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    env["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def program(folder: Path, name: str, script: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def our_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Standard error without make's own closing line."""
    return [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]


def test_an_unsupported_python_gets_one_line(clone: Path) -> None:
    program(clone, "python3.11", "exit 1")  # a pyenv shim without that version does this
    done = make(clone, "setup", "PYTHON=python3.11 no-such-python")
    assert done.returncode != 0
    (line,) = our_lines(done)
    assert "needs Python 3.11 or 3.12" in line
    assert not (clone / ".venv").exists()


def test_a_python_without_venv_gets_one_line(clone: Path) -> None:
    program(clone, "python3.11", 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    done = make(clone, "setup", "PYTHON=python3.11")
    assert done.returncode != 0
    (line,) = our_lines(done)
    assert "python3.11 lacks the venv module" in line


def test_an_unsupported_platform_gets_one_line(clone: Path) -> None:
    program(clone, "uname", "echo Darwin arm64")
    done = make(clone, "setup")
    assert done.returncode != 0
    (line,) = our_lines(done)
    assert "Darwin arm64" in line
    assert "pip install ." in line
