"""Names of components, and where each is found, without importing any of them.

Other packages add theirs through entry points: in the group `chisel.envs`, `chisel.models`,
`chisel.algos`, `chisel.studies` or `chisel.labels`, an entry point whose name is the component's
and whose object is a `Component`. Keep that object in a module that imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

from configs.errors import ConfigError
from configs.schema import ImpalaConfig, MazeConfig, PPOConfig
from configs.suggest import hint

Kind = Literal["env", "model", "algo", "study", "label"]
KINDS: tuple[Kind, ...] = get_args(Kind)

GROUPS: dict[Kind, str] = {
    "env": "chisel.envs",
    "model": "chisel.models",
    "algo": "chisel.algos",
    "study": "chisel.studies",
    "label": "chisel.labels",
}
"""The entry point group of each kind."""


_REQUIRED: dict[Kind, tuple[str, ...]] = {
    "env": ("name", "num_envs"),
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
            "envs.maze:make_maze", "procgen's maze, as pixels or as planes", MazeConfig
        ),
    },
    "model": {
        "impala": Component(
            "models.impala:build_impala", "the convolutional network of IMPALA", ImpalaConfig
        ),
    },
    "algo": {
        "ppo": Component("trainers.ppo:build_ppo", "proximal policy optimisation", PPOConfig),
    },
    "study": {
        "vector-field": Component(
            "analysis.studies.vector_field:run",
            "where an agent would step, and what it expects, at every free square",
        ),
    },
    "label": {},
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
