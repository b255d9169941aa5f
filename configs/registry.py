"""Names of components, and where each is found, without importing any of them.

Other packages add theirs through entry points: in the group `chisel.envs`, `chisel.data`,
`chisel.models`, `chisel.algos`, `chisel.studies` or `chisel.labels`, an entry point whose name is
the component's and whose object is a `Component`. Keep that object in a module that imports nothing
heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

from chisel.configs.errors import ConfigError
from chisel.configs.schema import (
    AupConfig,
    AutoencoderConfig,
    AutoencoderNetConfig,
    DigitsConfig,
    ExpertsConfig,
    GridExpertsConfig,
    GridMlpConfig,
    GridworldConfig,
    ImpalaConfig,
    MazeConfig,
    MnistConfig,
    OversightConfig,
    PPOConfig,
    ReinforceConfig,
)
from chisel.configs.suggest import hint

Kind = Literal["env", "data", "model", "algo", "study", "label"]
KINDS: tuple[Kind, ...] = get_args(Kind)

GROUPS: dict[Kind, str] = {
    "env": "chisel.envs",
    "data": "chisel.data",
    "model": "chisel.models",
    "algo": "chisel.algos",
    "study": "chisel.studies",
    "label": "chisel.labels",
}
"""The entry point group of each kind."""


_REQUIRED: dict[Kind, tuple[str, ...]] = {
    "env": ("name", "num_envs"),
    "data": ("name",),
    "model": ("name",),
    "algo": ("name",),
}
"""Options that the schema of each kind must have."""


@dataclass(frozen=True)
class Component:
    """One registered component."""

    path: str
    """Where its function is, as `package.module:function`."""
    summary: str
    """One line for `chisel list`."""
    schema: type | None = None
    """A frozen dataclass with its options and their types, among them `name`, and `num_envs` for an
    environment; None for studies and labels."""


_BUILT_IN: dict[Kind, dict[str, Component]] = {
    "env": {
        "maze": Component(
            "chisel.envs.maze:make_maze", "procgen's maze, as pixels or as planes", MazeConfig
        ),
        "oversight": Component(
            "chisel.envs.oversight:make_oversight",
            "diamond and ghost, where only some ends of episodes are overseen",
            OversightConfig,
        ),
        "gridworld": Component(
            "chisel.envs.gridworlds:make_gridworld",
            "small worlds in which the short way has a side effect",
            GridworldConfig,
        ),
    },
    "data": {
        "digits": Component(
            "chisel.corpora.digits:load_digits", "scikit-learn's 1,797 digits of 8x8", DigitsConfig
        ),
        "mnist": Component(
            "chisel.corpora.digits:load_mnist",
            "MNIST's 70,000 digits of 28x28, from idx files",
            MnistConfig,
        ),
    },
    "model": {
        "impala": Component(
            "chisel.models.impala:build_impala", "the convolutional network of IMPALA", ImpalaConfig
        ),
        "experts": Component(
            "chisel.models.impala:build_experts",
            "small Impala trunks mixed by a gate",
            ExpertsConfig,
        ),
        "grid-experts": Component(
            "chisel.models.gridworld:build_grid_experts",
            "the gridworld's fully connected experts, gate and value network",
            GridExpertsConfig,
        ),
        "grid-mlp": Component(
            "chisel.models.gridworld:build_grid_mlp", "one of those experts alone", GridMlpConfig
        ),
        "autoencoder": Component(
            "chisel.models.autoencoder:build_autoencoder",
            "an autoencoder with a certificate for each half of its encoding",
            AutoencoderNetConfig,
        ),
    },
    "algo": {
        "ppo": Component(
            "chisel.trainers.onpolicy.ppo:build_ppo", "proximal policy optimisation", PPOConfig
        ),
        "aup": Component(
            "chisel.trainers.aup.module:build_aup",
            "PPO with a penalty on changing what the agent could attain",
            AupConfig,
        ),
        "reinforce": Component(
            "chisel.trainers.onpolicy.reinforce:build_reinforce",
            "REINFORCE with a learnt baseline, one update per rollout",
            ReinforceConfig,
        ),
        "autoencoder": Component(
            "chisel.trainers.supervised.build:build_split",
            "an autoencoder whose halves learn different digits",
            AutoencoderConfig,
        ),
    },
    "study": {
        "vector-field": Component(
            "chisel.analysis.studies.maze.vector_field:run",
            "where an agent would step, and what it expects, at every free square",
        ),
        "channels": Component(
            "chisel.analysis.studies.maze.channels:run",
            "which channels follow the cheese, what they vote for, what they do",
        ),
        "retarget": Component(
            "chisel.analysis.studies.maze.retarget:run",
            "how well a maze agent is led to each square by clamping channels there",
        ),
        "behaviour": Component(
            "chisel.analysis.studies.maze.behaviour:run",
            "which properties of a maze decide whether an agent goes to the cheese",
        ),
        "region-sweep": Component(
            "chisel.analysis.studies.maze.region_sweep:run",
            "agents trained with the cheese in different regions, side by side on the same mazes",
        ),
        "steering-vector": Component(
            "chisel.analysis.studies.maze.steering_vector:run",
            "the difference between two sets of states, as a vector to steer an agent by",
        ),
        "cheese-vector": Component(
            "chisel.analysis.studies.maze.cheese_vector:run",
            "where the mouse turns without its cheese's activations, by layer, beside controls",
        ),
        "probes": Component(
            "chisel.analysis.studies.maze.probes:run",
            "what of a maze a linear probe reads off each layer, beside controls",
        ),
        "integrated-gradients": Component(
            "chisel.analysis.studies.maze.integrated_gradients:run",
            "which channels and places of a layer account for the decision for the cheese",
        ),
        "over-training": Component(
            "chisel.analysis.studies.maze.over_training:run",
            "behaviour at every checkpoint that a run kept, and a film of one maze's field",
        ),
        "report": Component(
            "chisel.analysis.studies.report:run",
            "one page, to be read offline, of all that the other studies find on a checkpoint",
        ),
        "ablation": Component(
            "chisel.analysis.studies.ablation:run",
            "what an agent does without each of its regions, beside random ones of the same size",
        ),
        "selective-ablation": Component(
            "chisel.analysis.studies.maze.selective_ablation:run",
            "what the units that tell two goals apart do, without any routing: a baseline",
        ),
        "power-map": Component(
            "chisel.analysis.studies.gridworlds.power_map:run",
            "how much can still be done, by where the agent is, and what AUP penalises beside it",
        ),
        "power-orbits": Component(
            "chisel.analysis.studies.gridworlds.power_orbits:run",
            "POWER in closed form, and what most reward functions prefer",
        ),
        "delayed-specification": Component(
            "chisel.analysis.studies.gridworlds.delayed_specification:run",
            "what AUP is worth when the true reward is revealed later",
        ),
        "aup-ablation": Component(
            "chisel.analysis.studies.gridworlds.aup_ablation:run",
            "AUP and its variants in the side-effect worlds, beside the paper's verdicts",
        ),
        "aup-sweep": Component(
            "chisel.analysis.studies.gridworlds.aup_sweep:run",
            "model-free AUP by discount, weight and number of auxiliary rewards",
        ),
        "aup-phase": Component(
            "chisel.analysis.studies.gridworlds.aup_phase:run",
            "what becomes of AUP's outcomes as λ grows, by what ends of episodes are worth",
        ),
        "aup-learned": Component(
            "chisel.trainers.studies.aup_learned:run_study",
            "trains PPO with and without AUP in gridworlds, and compares penalties with exact ones",
        ),
        "leaks": Component(
            "chisel.trainers.studies.leaks:run_study",
            "whether regions stay exactly where they are when other labels are learnt",
        ),
        "localization": Component(
            "chisel.trainers.studies.localization:run_study",
            "where labelled and unlabelled gradients fall, and what ablating each region does",
        ),
        "relearning": Component(
            "chisel.trainers.studies.relearning:run_study",
            "how fast what an ablation took away is learnt again",
        ),
        "oversight": Component(
            "chisel.trainers.studies.oversight:run_study",
            "trains every agent of diamond and ghost, and compares their true returns",
        ),
    },
    "label": {
        "maze-goal": Component(
            "chisel.trainers.routed.labels:maze_goal",
            "which goal of the maze ended the episode: cheese, corner",
        ),
        "maze-end": Component(
            "chisel.trainers.routed.labels:maze_end",
            "how its episode ended: cheese, corner, or nothing",
        ),
        "overseen-goal": Component(
            "chisel.trainers.routed.labels:overseen_goal",
            "which object ended it, where its cell was overseen: diamond, ghost",
        ),
        "digit-half": Component(
            "chisel.trainers.routed.labels:digit_half", "digits 0-4, low, or 5-9, high"
        ),
        "overseen-end": Component(
            "chisel.trainers.routed.labels:overseen_end",
            "what an overseer can tell of an episode's end: diamond, ghost, nothing",
        ),
        "cheese-region": Component(
            "chisel.trainers.routed.labels:cheese_region",
            "where the cheese lay: elsewhere, or in the top-right region: corner",
        ),
    },
}


def names(kind: Kind) -> list[str]:
    """All registered names of a kind, sorted.

    Raises:
        ConfigError: If two packages register the same name.
    """
    return sorted({*_BUILT_IN[kind], *_plugins(kind)})


def get(kind: Kind, name: str) -> Component:
    """The component of that name.

    Raises:
        ConfigError: If the name is unknown or registered twice, or if its package is broken.
    """
    plugins = _plugins(kind)
    if name in _BUILT_IN[kind]:
        return _BUILT_IN[kind][name]
    if name not in plugins:
        raise ConfigError(f"unknown {kind} {name!r}; {hint(name, names(kind))}")
    return _load(kind, plugins[name])


def resolve(kind: Kind, name: str) -> Callable[..., Any]:
    """Import the function behind a name.

    Raises:
        ConfigError: If the name is unknown, or if nothing is found where it points.
    """
    path = get(kind, name).path
    module, _, attribute = path.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(f"{kind} {name!r}: there is no module {error.name!r}") from error
    except AttributeError as error:
        raise ConfigError(f"{kind} {name!r}: {path} does not exist") from error
    if not callable(found):
        raise ConfigError(f"{kind} {name!r}: {path} is not a function")
    return found  # type: ignore[no-any-return]  # what kind of callable is the caller's contract


def _plugins(kind: Kind) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUPS[kind]):
        earlier = found.get(point.name)
        if point.name in _BUILT_IN[kind] or (earlier and earlier.value != point.value):
            other = earlier.value if earlier else "Chisel itself"
            raise ConfigError(
                f"{kind} {point.name!r} is registered twice, by {other} and by {point.value}"
            )
        found[point.name] = point
    return found


def _load(kind: Kind, point: EntryPoint) -> Component:
    try:
        component = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{kind} {point.name!r} cannot be loaded: {error}") from error
    if not isinstance(component, Component):
        raise ConfigError(
            f"{kind} {point.name!r}: {point.value} must be a configs.registry.Component"
        )
    options = getattr(component.schema, "__dataclass_fields__", {})
    missing = [option for option in _REQUIRED.get(kind, ()) if option not in options]
    if missing:
        raise ConfigError(
            f"{kind} {point.name!r}: its schema must be a dataclass with {' and '.join(missing)}"
        )
    return component
