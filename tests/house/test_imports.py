"""Who may know whom (the rooms' import rules)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rooms import ROOMS, ROOT, Import, imports_of

MAY_IMPORT = {
    "configs": set(),
    "envs": {"configs"},
    "models": {"configs"},
    "routing": set(),
    "impact": set(),
    "analysis": {"routing", "impact", "envs", "models", "configs"},
    "trainers": {"analysis", "routing", "impact", "envs", "models", "configs"},
    "cli": {"trainers", "analysis", "routing", "impact", "envs", "models", "configs"},
}

ONLY_IN = {
    "torch": {"analysis", "impact", "models", "routing", "trainers"},
    "lightning": {"trainers"},
    "pytorch_lightning": set(),
    "wandb": {"trainers"},
    "omegaconf": {"configs"},
    "stable_baselines3": set(),
}

ONLY_EXTERNAL = {
    "configs": {"omegaconf", "yaml"},
    "impact": {"numba", "numpy", "torch"},
    "routing": {"numpy", "torch"},
}

DOORS = {
    *ROOMS,
    "configs.errors",
    "configs.schema",
    "envs.base",
    "envs.gridworlds",
    "envs.maze",
    "envs.oversight",
    "analysis.behaviour",
    "analysis.channels",
    "analysis.interventions",
    "analysis.maze",
    "analysis.steering",
    "analysis.studies",
}
"""What other rooms import from: packages whose `__init__` names what they offer."""


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    allowed = {*MAY_IMPORT[room], room}
    assert not [str(one) for one in imports_of(room) if one.top in ROOMS and one.top not in allowed]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_reaches_into_no_other_rooms_files(room: str) -> None:
    reaching = [one for one in imports_of(room) if one.top in ROOMS and one.top != room]
    assert not [str(one) for one in reaching if one.module not in DOORS]


@pytest.mark.parametrize("room", ROOMS)
def test_heavy_packages_stay_in_their_rooms(room: str) -> None:
    assert not [str(one) for one in imports_of(room) if room not in ONLY_IN.get(one.top, {room})]


@pytest.mark.parametrize("room", sorted(ONLY_EXTERNAL))
def test_light_rooms_need_little_beyond_the_standard_library(room: str) -> None:
    known = {*sys.stdlib_module_names, *ONLY_EXTERNAL[room], room}
    assert not [str(one) for one in imports_of(room) if one.top not in known]


@pytest.mark.parametrize("room", ROOMS)
def test_procgen_is_imported_by_the_maze_alone_and_only_when_used(room: str) -> None:
    found = [one for one in imports_of(room) if one.top in {"procgen", "gym3", "gym"}]
    assert not [str(one) for one in found if not (_in_maze(one) and one.lazy)]


def test_rooms_below_can_be_imported_without_what_they_must_not_know() -> None:
    """Read from a fresh interpreter, so that nothing imported indirectly is missed."""
    forbidden = {
        "configs": ["torch", "numpy", "gymnasium", "lightning", "wandb", "procgen"],
        "envs": ["torch", "lightning", "wandb", "procgen", "gym3", "models"],
        "envs.maze": ["torch", "lightning", "wandb", "procgen", "gym3", "gym"],
        "models": ["lightning", "wandb", "envs", "procgen"],
        "analysis": ["lightning", "wandb", "trainers", "procgen"],
    }
    for room, modules in forbidden.items():
        code = f"import sys, {room}; print([m for m in {modules!r} if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.stdout.strip(), done.stderr) == ("[]", ""), room


def _in_maze(one: Import) -> bool:
    return one.file.is_relative_to(ROOT / "envs" / "maze")


def test_the_rules_see_every_kind_of_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutation check of the checker: each form of import is found, lazy ones marked so."""
    room = tmp_path / "envs"
    room.mkdir()
    (room / "sly.py").write_text(
        "import torch.nn as nn\n"
        "def late():\n    from torch import Tensor\n"
        "class A:\n    if True:\n        import lightning\n"
    )
    monkeypatch.setattr("tests.house.rooms.ROOT", tmp_path)
    found = [(one.module, one.lazy) for one in imports_of("envs")]
    assert found == [("torch.nn", False), ("torch", True), ("lightning", False)]
