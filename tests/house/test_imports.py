"""Who may know whom: the rooms' import rules, each of which is seen to catch a violation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.rooms import BLIND, ROOMS, Import, files, imports_of, module_of

BELOW = {
    "configs": set(),
    "corpora": {"configs"},
    "envs": {"configs"},
    "models": {"configs"},
    "routing": set(),
    "impact": set(),
    "analysis": {"routing", "impact", "corpora", "envs", "models", "configs"},
    "trainers": {"analysis", "routing", "impact", "corpora", "envs", "models", "configs"},
    "lab": {"analysis", "routing", "impact", "corpora", "envs", "models", "configs"},
    "cli": {"lab", "trainers", "analysis", "models", "configs"},
}
"""The rooms that each room may import."""

DOORS = {
    *ROOMS,
    "configs.errors",
    "configs.schema",
    "corpora.stories",
    "envs.base",
    "envs.gridworlds",
    "envs.maze",
    "envs.oversight",
    "envs.safelife",
    "models.language",
    "routing.sites",
    "analysis.ablation",
    "analysis.attribution",
    "analysis.evaluation",
    "analysis.gridworlds",
    "analysis.interventions",
    "analysis.language",
    "analysis.ledger",
    "analysis.localization",
    "analysis.maze",
    "analysis.maze.behaviour",
    "analysis.maze.channels",
    "analysis.maze.cheese_vector",
    "analysis.probes",
    "analysis.report",
    "analysis.results",
    "analysis.safelife",
    "analysis.steering",
    "analysis.studies",
}
"""What other rooms import from: packages whose `__init__` names what they offer."""

SIGHTED = (
    "analysis.evaluation",
    "analysis.gridworlds",
    "analysis.language",
    "analysis.maze",
    "analysis.safelife",
    "analysis.studies",
)

ONLY_IN = {
    "torch": ("analysis", "envs.maze.device", "impact", "lab", "models", "routing", "trainers"),
    "lightning": ("trainers",),
    "pytorch_lightning": (),
    "wandb": ("trainers",),
    "omegaconf": ("configs",),
    "stable_baselines3": (),
    "submitit": ("trainers",),
    "procgen": ("envs.maze.procgen_game",),
    "gym3": (),
    "gym": (),
    "starlette": ("lab",),
    "uvicorn": ("lab",),
    "websockets": ("lab",),
    "anywidget": ("lab",),
    "traitlets": ("lab",),
    "transformers": ("models.language", "corpora.language"),
    "tokenizers": ("models.language", "corpora.language"),
    "gguf": ("models.language",),
    "accelerate": (),
}
"""Packages that stay where they are used."""

LAZY = {"procgen", "gym3", "gym", "submitit", "transformers", "tokenizers", "gguf"}
"""Packages that are imported inside functions alone: not everybody has them."""

LITTLE = {
    "configs": {"omegaconf", "yaml"},
    "impact": {"numba", "numpy", "torch"},
    "routing": {"numpy", "torch"},
}
"""Rooms that need no other packages than these."""


def breaks_the_order(one: Import) -> bool:
    return one.ours and one.top in ROOMS and one.top not in {*BELOW[one.room], one.room}


def reaches_past_a_door(one: Import) -> bool:
    return one.ours and one.top in ROOMS and one.top != one.room and one.door not in DOORS


def reaches_past_a_door_of_analysis(one: Import) -> bool:
    """The rooms inside analysis have doors as well."""
    if not (one.ours and one.room == one.top == "analysis"):
        return False
    return _room_of(one.door) != _room_of(one.home) and one.door not in DOORS


def _room_of(module: str) -> str:
    """The room inside analysis that a module is in: the longest door that it lies behind."""
    return max((door for door in DOORS if f"{module}.".startswith(f"{door}.")), key=len)


def knows_a_world(one: Import) -> bool:
    if not one.ours or not _within(one.home, BLIND):
        return False
    return one.top in ("envs", "corpora") or _within(one.module, SIGHTED)


def knows_a_study(one: Import) -> bool:
    """Studies import rooms; rooms import no studies."""
    return (
        one.ours
        and one.room == "analysis"
        and _within(one.module, ["analysis.studies"])
        and not _within(one.home, ["analysis.studies"])
    )


def results_know_another_room(one: Import) -> bool:
    """Every room of analysis builds on results, so results build on none of them."""
    if not one.ours or one.top != "analysis" or not _within(one.home, ["analysis.results"]):
        return False
    return not _within(one.module, ["analysis.results"])


def knows_the_front_door(one: Import) -> bool:
    """`import chisel` itself is for users; between rooms it would hide who knows whom."""
    return one.ours and one.top not in ROOMS


def imports_a_room_without_prefix(one: Import) -> bool:
    return not one.ours and one.top in ROOMS


def brings_a_heavy_package(one: Import) -> bool:
    homes = ONLY_IN.get(one.top)
    return not one.ours and homes is not None and not _within(one.home, homes)


def imports_an_extra_too_early(one: Import) -> bool:
    return not one.ours and one.top in LAZY and not one.lazy


def needs_too_much(one: Import) -> bool:
    if one.ours or one.room not in LITTLE:
        return False
    return one.top not in {*sys.stdlib_module_names, *LITTLE[one.room]}


def _within(module: str, homes: Iterable[str]) -> bool:
    return any(f"{module}.".startswith(f"{home}.") for home in homes)


Rule = Callable[[Import], bool]

PLANTS: dict[Rule, tuple[str, list[str]]] = {
    breaks_the_order: (
        "models/sly.py",
        ["import chisel.envs", "from chisel.envs import make", "from chisel import envs"],
    ),
    reaches_past_a_door: (
        "cli/sly.py",
        ["import chisel.models.loading", "from chisel.models.loading import load_agent"],
    ),
    reaches_past_a_door_of_analysis: (
        "analysis/maze/sly.py",
        [
            "import chisel.analysis.results.estimates",
            "from chisel.analysis.results.tables import show",
        ],
    ),
    knows_a_world: (
        "analysis/steering/sly.py",
        [
            "import chisel.envs.maze",
            "from chisel.envs import make",
            "from chisel import corpora",
            "from chisel.analysis import maze",
            "from chisel.analysis.evaluation import play",
        ],
    ),
    knows_a_study: (
        "analysis/report/sly.py",
        ["import chisel.analysis.studies", "from chisel.analysis.studies import run"],
    ),
    results_know_another_room: (
        "analysis/results/sly.py",
        ["import chisel.analysis.steering", "from chisel.analysis import ablation"],
    ),
    knows_the_front_door: ("cli/sly.py", ["import chisel", "from chisel import train"]),
    imports_a_room_without_prefix: (
        "cli/sly.py",
        ["import models", "from models import load_agent", "import models.load"],
    ),
    brings_a_heavy_package: (
        "analysis/sly.py",
        ["import lightning", "from lightning import Trainer", "import wandb.sdk as sdk"],
    ),
    imports_an_extra_too_early: (
        "envs/maze/sly.py",
        ["import procgen", "from gym3 import Env", "try:\n    import gym\nexcept ImportError: ..."],
    ),
    needs_too_much: (
        "routing/sly.py",
        ["import scipy", "from omegaconf import OmegaConf", "def late():\n    import yaml"],
    ),
}
"""Each rule with imports that break it."""


@pytest.fixture(scope="module")
def house() -> dict[str, str]:
    return files()


@pytest.fixture(scope="module")
def imports(house: dict[str, str]) -> list[Import]:
    return imports_of(house)


@pytest.mark.parametrize("rule", PLANTS, ids=lambda rule: rule.__name__)
def test_no_file_breaks_a_rule(rule: Rule, imports: list[Import]) -> None:
    assert not [str(one) for one in imports if rule(one)]


@pytest.mark.parametrize(
    ("rule", "file", "text"),
    [(rule, file, text) for rule, (file, texts) in PLANTS.items() for text in texts],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_planted_violation_is_caught(
    rule: Rule, file: str, text: str, house: dict[str, str]
) -> None:
    assert any(rule(one) for one in imports_of(house | {file: text}, only=file))


def circles(sources: dict[str, str]) -> list[str]:
    """A circle among files that import each other, sooner or later; empty if there is none."""
    modules = {module_of(file) for file in sources}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for one in imports_of(sources):
        if one.ours and one.module in modules and not _door_of(one):
            graph[one.home].add(one.module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _door_of(one: Import) -> bool:
    """A package's `__init__` lists its files, and they may import its other files past it."""
    return one.home.startswith(f"{one.module}.")


def test_no_files_import_each_other_in_a_circle(house: dict[str, str]) -> None:
    assert circles(house) == []


@pytest.mark.parametrize("text", ["import chisel.envs.sly_b", "from chisel.envs.sly_b import b"])
def test_a_planted_circle_is_found(text: str, house: dict[str, str]) -> None:
    planted = {"envs/sly_a.py": text, "envs/sly_b.py": "from chisel.envs.sly_a import a"}
    assert {"envs.sly_a", "envs.sly_b"} <= set(circles(house | planted))


def test_rooms_below_can_be_imported_without_what_they_must_not_know() -> None:
    """Read from a fresh interpreter, so that nothing imported indirectly is missed."""
    forbidden = {
        "chisel": ["torch", "numpy", "gymnasium", "lightning", "wandb", "procgen"],
        "chisel.configs": ["torch", "numpy", "gymnasium", "lightning", "wandb", "procgen"],
        "chisel.envs": ["torch", "lightning", "wandb", "procgen", "gym3", "chisel.models"],
        "chisel.envs.maze": ["torch", "lightning", "wandb", "procgen", "gym3", "gym"],
        "chisel.models": ["lightning", "wandb", "chisel.envs", "procgen"],
        "chisel.analysis": ["lightning", "wandb", "chisel.trainers", "procgen"],
    }
    for room, modules in forbidden.items():
        code = f"import sys, {room}; print([m for m in {modules!r} if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False
        )
        assert (done.stdout.strip(), done.stderr) == ("[]", ""), room
