"""The signature of a study is read from its file: nothing that it imports is needed."""

import inspect
import sys
from typing import Annotated, Literal, get_type_hints

import pytest

from chisel.configs import Count, UnreadableError, Within, options_of
from chisel.configs.studies.source import MARKERS, read_function

HELPERS = """
from typing import Literal
import a_package_that_is_not_there

Side = Literal["left", "right"]
LEVELS = (1, 2)
FIRST: int = LEVELS[0] + 4
"""
STUDY = """
from __future__ import annotations

from typing import Annotated

import another_that_is_not_there as heavy
from chisel.analysis.results import Agents, Count, Result, Within
from chisel.configs import registry
from helpers_of_it import FIRST, Side as OfSide

_Odd = Annotated[int, Within(1, 9)]
NAMES = ("a", "b")

@heavy.decorate
def run(
    checkpoint: Agents,
    other: tuple[Agents, ...] | None = None,
    *,
    side: OfSide = "left",
    levels: Count = FIRST,
    odd: _Odd = 3,
    names: tuple[str, ...] = NAMES,
    progress: heavy.Callback,
) -> Result:
    \"\"\"Do it.

    Args:
        side: Where.
    \"\"\"
    return heavy.run()

def computed(*, size: int = heavy.SIZE) -> Result: ...

alias = run
"""


@pytest.fixture(autouse=True)
def _a_package_of_a_user(tmp_path, monkeypatch):
    (tmp_path / "helpers_of_it.py").write_text(HELPERS)
    (tmp_path / "study_of_it.py").write_text(STUDY)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_types_and_defaults_are_those_that_importing_would_give():
    function = read_function("study_of_it:run")
    hints = get_type_hints(function, include_extras=True)
    assert hints["side"] == Literal["left", "right"]
    assert hints["levels"] == Count
    assert hints["odd"] == Annotated[int, Within(1, 9)]
    defaults = {name: one.default for name, one in inspect.signature(function).parameters.items()}
    assert (defaults["levels"], defaults["names"], defaults["odd"]) == (5, ("a", "b"), 3)
    assert inspect.getdoc(function).startswith("Do it.")
    for module in ("study_of_it", "helpers_of_it", "chisel.analysis.results"):
        assert module not in sys.modules or module.startswith("chisel")


def test_options_are_made_of_it_and_progress_is_none():
    function = read_function("study_of_it:run")
    loaded = {marker: name for name, marker in MARKERS.items()}
    options = options_of("mine", function, loaded)
    assert list(options)[:6] == ["checkpoint", "other", "side", "levels", "odd", "names"]
    assert options["checkpoint"].kind == "Agents"
    assert options["other"].several
    assert options["side"].meaning == "Where."
    assert "progress" not in options


@pytest.mark.parametrize(
    "path",
    [
        "study_of_it:computed",  # its default is that of a package, which may compute it
        "study_of_it:alias",
        "study_of_it:nothing",
        "no_such_module_here:run",
        "chisel.no_such_room:run",
    ],
)
def test_what_only_importing_can_tell_is_refused(path):
    with pytest.raises(UnreadableError):
        read_function(path)


def test_a_file_that_is_no_python_is_refused(tmp_path):
    (tmp_path / "broken_of_it.py").write_text("def run(:")
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_function("broken_of_it:run")
