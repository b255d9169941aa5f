"""Find components by name, without importing the others.

Other packages add components through entry points. The group is `chisel.envs`, `chisel.corpora`,
`chisel.models`, `chisel.algos`, `chisel.evaluators`, `chisel.studies` or `chisel.labels`; the entry
point has the component's name and points to a `Component`. Keep that object in a module that
imports nothing heavy. An evaluator has the name of its environment or corpus.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, get_args

from chisel.configs.built_in import BUILT_IN
from chisel.configs.component import Component, Kind, Source
from chisel.configs.errors import ConfigError
from chisel.configs.suggest import hint

__all__ = [
    "BUILT_IN",
    "GROUPS",
    "Component",
    "Kind",
    "Source",
    "get",
    "instead",
    "names",
    "resolve",
    "resolve_penalty",
]

GROUPS: dict[Kind, str] = {
    "env": "chisel.envs",
    "corpus": "chisel.corpora",
    "model": "chisel.models",
    "algo": "chisel.algos",
    "evaluator": "chisel.evaluators",
    "study": "chisel.studies",
    "label": "chisel.labels",
}
"""The entry point group of each kind."""


_OLD_GROUPS: dict[Kind, str] = {"corpus": "chisel.data"}
_OLD_ROOMS = ("analysis", "cli", "configs", "envs", "impact", "models", "routing", "trainers")
"""Entry point groups and top-level modules of version 0.1."""

_REQUIRED: dict[Kind, tuple[str, ...]] = {
    "env": ("name", "num_envs"),
    "corpus": ("name",),
    "model": ("name",),
    "algo": ("name",),
}
"""Options that the schema of a component must have, by its kind."""


def names(kind: Kind) -> list[str]:
    """Return all registered names of a kind, sorted.

    Raises:
        ConfigError: If two packages register the same name.
    """
    return sorted({*BUILT_IN[kind], *_plugins(kind)})


def get(kind: Kind, name: str) -> Component:
    """Return the component with this name.

    Raises:
        ConfigError: If the name is unknown or registered twice, or if its package is broken.
    """
    plugins = _plugins(kind)
    if name in BUILT_IN[kind]:
        return BUILT_IN[kind][name]
    if name not in plugins:
        raise ConfigError(f"unknown {kind} {name!r}; {instead(kind, name)}")
    return _load(kind, plugins[name])


def instead(kind: Kind, name: str) -> str:
    """Return the end of a message about an unknown name: the reason, or the known names."""
    if kind in _OLD_GROUPS:
        for point in _installed(_OLD_GROUPS[kind]).select(name=name):
            return (
                f"{point.value} is registered in the group {point.group}, which is called "
                f"{GROUPS[kind]} since 0.2"
            )
    return hint(name, names(kind), "`chisel list` prints all" if kind == "study" else "")


def resolve(kind: Kind, name: str) -> Callable[..., Any]:
    """Import the function behind a name.

    Raises:
        ConfigError: If the name is unknown, or its path leads to no function.
    """
    return _imported(kind, name, get(kind, name).path)


def resolve_penalty(algo: str) -> Callable[..., Any] | None:
    """Import the function that reads the penalty of an algorithm; None if it has no penalty.

    Raises:
        ConfigError: As for `resolve`.
    """
    path = get("algo", algo).penalty
    return None if path is None else _imported("algo", algo, path)


def _imported(kind: Kind, name: str, path: str) -> Callable[..., Any]:
    """Import the function at `package.module:function`."""
    module, _, attribute = path.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name in _OLD_ROOMS:
            raise ConfigError(f"{kind} {name!r} cannot be loaded: {_why(error)}") from error
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(f"{kind} {name!r}: there is no module {error.name!r}") from error
    except AttributeError as error:
        raise ConfigError(f"{kind} {name!r}: {path} does not exist") from error
    if not callable(found):
        raise ConfigError(f"{kind} {name!r}: {path} is not a function")
    return found  # type: ignore[no-any-return]  # what kind of callable is the caller's contract


def _why(error: Exception) -> str:
    name = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and name in _OLD_ROOMS:
        return f"it imports {name}, which is called chisel.{name} since 0.2"
    return str(error)


def _installed(group: str) -> EntryPoints:
    """Return a group's entry points; read them again when a folder in `sys.path` has changed."""
    return _read(group, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=len(GROUPS) + len(_OLD_GROUPS))
def _read(group: str, _: tuple[tuple[str, int], ...]) -> EntryPoints:
    return entry_points(group=group)


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


def _plugins(kind: Kind) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in _installed(GROUPS[kind]):
        earlier = found.get(point.name)
        if point.name in BUILT_IN[kind] or (earlier and earlier.value != point.value):
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
        raise ConfigError(f"{kind} {point.name!r} cannot be loaded: {_why(error)}") from error
    if not isinstance(component, Component):
        raise ConfigError(
            f"{kind} {point.name!r}: {point.value} must be a configs.registry.Component"
        )
    if component.learns_from not in get_args(Source):
        raise ConfigError(
            f"{kind} {point.name!r}: learns_from = {component.learns_from!r}; must be one of "
            f"{', '.join(get_args(Source))}"
        )
    options = getattr(component.schema, "__dataclass_fields__", {})
    missing = [option for option in _REQUIRED.get(kind, ()) if option not in options]
    if missing:
        raise ConfigError(
            f"{kind} {point.name!r}: its schema must be a dataclass with {' and '.join(missing)}"
        )
    try:
        pickle.dumps(component.schema)
    except (AttributeError, pickle.PicklingError) as error:
        raise ConfigError(
            f"{kind} {point.name!r}: its schema must be at the top of a module: {error}"
        ) from error
    return component
