"""The command that a study records gives the same JSON again, whatever its options were.

All but the comparison with procgen run as if procgen were not installed.
"""

import importlib.util
import json
import random
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

from chisel.analysis import studies
from chisel.analysis.results import options_of
from chisel.configs import EnvironmentFault, parse_settings, registry
from chisel.envs.maze.native.textures import folder_of
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import Look

SMALL = [
    import_module(f"{__package__}.{file.stem}")
    for file in sorted(Path(__file__).parent.glob("small_*.py"))
]
CASES = {name: module for module in SMALL for name in module.CASES}
NAMED = ("checkpoint", "out", "env")


def drawn(name, given, rng):
    """Other values than the defaults, for half of the options that no case sets."""
    found = {}
    for option in options_of(name, registry.resolve("study", name)).values():
        free = option.name not in (*given, *NAMED, *getattr(CASES[name], "FIXED", ()))
        others = []
        if option.allowed and not option.several:
            others = [one for one in option.allowed if one != option.default]
        elif option.kind is bool:
            others = [not option.default]
        elif option.name == "seed":
            others = [3, 17]
        if free and others and rng.random() < 0.5:
            found[option.name] = rng.choice(others)
    return found


def hide_procgen(monkeypatch):
    """Let it be missing for imports, searches, and whoever has imported it before."""

    def refuse(*_, **__):
        raise EnvironmentFault("procgen is hidden")

    monkeypatch.setitem(sys.modules, "procgen", None)
    monkeypatch.setattr(ProcgenMaze, "__init__", refuse)


def test_hidden_procgen_is_neither_found_nor_played(monkeypatch):
    hide_procgen(monkeypatch)
    assert importlib.util.find_spec("procgen") is None
    assert folder_of(None) is None
    with pytest.raises(EnvironmentFault, match="hidden"):
        ProcgenMaze(1, Look(), seed=0)


def test_every_study_has_a_small_case():
    assert sorted(CASES) == [name for name in registry.names("study") if name != "report"]


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_recorded_command_gives_the_same_json(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name != "engine-parity":
        hide_procgen(monkeypatch)
    given = dict(CASES[name].CASES[name])
    given |= drawn(name, given, random.Random(name))
    agent = CASES[name].agent_for(name, tmp_path / "agent")
    given |= {} if agent is None else {"checkpoint": agent}
    first = studies.run(name, out="first", **given)
    data = json.loads((first / f"{name}.json").read_text())
    program, command, study, *settings = shlex.split(data["command"])
    assert (program, command, study) == ("chisel", "study", name)
    again = studies.run(study, out="again", **parse_settings(settings))
    assert json.loads((again / f"{name}.json").read_text()) == data
