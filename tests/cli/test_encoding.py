"""Terminals that know few characters get text all the same."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chisel.cli.main import COMMANDS, any_encoding

TALK = """
import sys
from chisel.cli.main import COMMANDS, main
for asked in (["--help"], ["list"], ["chéck"], *([one, "--help"] for one in COMMANDS)):
    main(asked)
"""


@given(text=st.text(max_size=20), encoding=st.sampled_from(["ascii", "latin-1", "cp437", "utf-8"]))
def test_any_text_can_be_written_in_any_encoding_and_what_it_knows_is_kept(
    text: str, encoding: str
) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, newline="")
    with any_encoding(stream):
        stream.write(text)
        stream.flush()
    assert stream.errors == "strict"
    known = [one for one in text if one.encode(encoding, "ignore")]
    found = written.getvalue().decode(encoding)
    assert len(found) >= len(text)
    rest = iter(found)
    assert all(any(one == other for other in rest) for one in known)


def test_dots_and_dashes_stay_legible_in_ascii() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    with any_encoding(stream):
        stream.write("key=value … 3 × 2 – 1")
        stream.flush()
    assert written.getvalue() == b"key=value ... 3 x 2 - 1"


@pytest.mark.parametrize("forced", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_every_help_is_printed_in_a_forced_encoding(forced: dict[str, str]) -> None:
    env = {"PATH": os.environ["PATH"]} | forced
    encoding = forced["PYTHONIOENCODING"]
    done = subprocess.run(
        [sys.executable, "-c", TALK], env=env, capture_output=True, check=False, encoding=encoding
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert all(f"usage: chisel {command}" in done.stdout for command in COMMANDS)
    assert "[key=value" in done.stdout
