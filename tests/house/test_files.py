"""Rules about files: no confetti, none that is too long to read, none outside a room."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.house.rooms import ROOT, files, imports_of, module_of

FEWEST, MOST = 40, 420
"""Lines of a file that is used by one other alone, and of any file."""


@pytest.fixture(scope="module")
def house() -> dict[str, str]:
    return files()


def confetti(sources: dict[str, str]) -> list[str]:
    """Short files that are imported by one other file at most, and are no entry of their own."""
    users: dict[str, set[str]] = defaultdict(set)
    for one in imports_of(sources):
        users[one.module].add(one.file)
    named = (ROOT / "configs/built_in.py").read_text()
    return [
        file
        for file, text in sources.items()
        if text.count("\n") < FEWEST
        and not file.endswith("__init__.py")
        and not file.startswith("cli/")  # a file for each command, found by its name
        and f'"chisel.{module_of(file)}:' not in named
        and len(users[module_of(file)]) <= 1
    ]


def test_a_short_file_that_one_other_uses_is_part_of_it(house: dict[str, str]) -> None:
    assert confetti(house) == []


def test_a_planted_short_file_is_found(house: dict[str, str]) -> None:
    planted = {
        "models/sly.py": "SLY = 1\n",
        "models/user.py": "from chisel.models.sly import SLY\n" * FEWEST,
    }
    assert confetti(house | planted) == ["models/sly.py"]


def test_a_file_can_be_read_in_one_sitting(house: dict[str, str]) -> None:
    lengths = {file: text.count("\n") for file, text in house.items()}
    assert not {file: length for file, length in lengths.items() if length > MOST}


def test_analysis_has_rooms_alone(house: dict[str, str]) -> None:
    assert [file for file in house if file.count("/") == 1 and file.startswith("analysis/")] == [
        "analysis/__init__.py"
    ]
