"""A copied process does what a Python of its own does with the same program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import Forked

TEXT = """
import atexit, os, sys
atexit.register(print, "last")
print(__name__, sys.argv[1:], os.getcwd(), os.environ.get("COLOUR"), sys.path[0] in ("", PLACE))
print(sys.stdin.readline(), end="", file=sys.stderr)
raise SystemExit(3)
"""


@pytest.mark.parametrize("kind", ["-c", "-m", "file"])
def test_it_prints_and_ends_as_a_python_of_its_own(kind: str, tmp_path: Path) -> None:
    text = TEXT.replace("PLACE", repr(str(tmp_path)))
    (tmp_path / "program.py").write_text(text)
    file = str(tmp_path / "of two words.py")
    Path(file).write_text(text)
    words = {"-c": ["-c", text], "-m": ["-m", "program"], "file": [file]}[kind]
    env = os.environ | {"COLOUR": "green"}
    theirs = subprocess.run(
        [sys.executable, *words, "one", "two words"],
        cwd=tmp_path,
        env=env,
        input="asked\n",
        capture_output=True,
        text=True,
        check=False,
    )
    ours = Forked(" ".join(words), "one", "two words", cwd=tmp_path, env=env)
    print("asked", file=ours.stdin, flush=True)
    assert ours.communicate() == (theirs.stdout, theirs.stderr)
    assert ours.returncode == theirs.returncode == 3


def test_a_signal_ends_it_and_is_its_exit_code(tmp_path: Path) -> None:
    waiting = Forked("-c print(input(), flush=True); input()", cwd=tmp_path, env=os.environ)
    print("here", file=waiting.stdin, flush=True)
    assert waiting.stdout.readline() == "here\n"
    assert waiting.poll() is None
    waiting.send_signal(signal.SIGTERM)
    assert waiting.communicate() == ("", "")
    assert waiting.poll() == waiting.returncode == -signal.SIGTERM
