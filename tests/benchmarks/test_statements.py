"""Statements are counted as a person would count them."""

import subprocess
import sys

from benchmarks.statements import rooms, statements, statements_of
from tests.house.rooms import NAME, ROOMS, ROOT

SNIPPET = '''"""A module's docstring."""
import os  # 1

LIMIT: int = 3  # 2
"""An attribute's docstring."""


class Door:  # 3
    """A class's docstring."""

    width = (  # 4: one statement over three lines
        1
    )

    @property
    async def open(self):  # 5: a decorator is part of it
        """A function's docstring."""
        if self.width: pass  # 6, 7
        elif LIMIT:  # 8
            print("a string that is passed on")  # 9
        else:
            return "a string that is returned"  # 10
        for _ in range(3):  # 11
            ...  # 12
        try:  # 13
            a = 1; b = 2  # 14, 15
        except OSError:
            raise  # 16
'''


def test_statements_are_counted_with_their_bodies_and_docstrings_are_not():
    assert statements(SNIPPET) == 16


def test_comments_and_empty_files_count_nothing():
    assert statements("# nothing\n\n") == statements("") == 0


def test_every_room_is_counted_and_nothing_else():
    assert rooms() == sorted([NAME, *ROOMS])


def test_the_table_ends_with_the_tests_share():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.statements"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *counted, total, tests, share = [line.split() for line in done.stdout.splitlines()]
    assert sum(map(_count, counted)) == _count(total)
    assert share == ["tests/total", f"{_count(tests) / _count(total):.2f}"]


def _count(line: list[str]) -> int:
    return int(line[1].replace(",", ""))


def test_npms_packages_are_not_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.statements.ROOT", tmp_path)
    for path in ("lab/own.py", "lab/page/node_modules/gyp/theirs.py"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n")
    assert statements_of("lab") == 1
