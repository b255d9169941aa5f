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
    assert "needs Python 3.11, 3.12 or 3.13" in line
    assert not (clone / ".venv").exists()


def test_a_python_without_venv_gets_one_line(clone: Path) -> None:
    program(clone, "python3.11", 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    done = make(clone, "setup", "PYTHON=python3.11")
    assert done.returncode != 0
    (line,) = our_lines(done)
    assert "python3.11 lacks the venv module" in line


def test_on_a_mac_with_an_arm_processor_the_locked_versions_are_installed(clone: Path) -> None:
    """A stand-in for Python makes a stand-in for its venv, which writes down what make types."""
    program(clone, "uname", "echo Darwin arm64")
    program(
        clone,
        "python3.13",
        f"""[ "$2" = venv ] || exit 0
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "$*" >>{clone}/typed\\n' >.venv/bin/python
chmod +x .venv/bin/python""",
    )
    done = make(clone, "setup", "PYTHON=python3.13")
    assert (done.returncode, done.stderr) == (0, "")
    torch, locked, ours = (clone / "typed").read_text().splitlines()
    assert torch.startswith("-m pip install")
    assert torch.endswith("torch==2.13.0")
    assert locked.endswith("--no-deps -r requirements.lock")
    assert ours.endswith("-e .")
