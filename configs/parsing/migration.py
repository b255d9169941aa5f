"""Convert configs that version 0.1 wrote to today's names.

Old names are read from files only: a user's YAML, the `config.yaml` of a run or a shipped agent,
the config in a checkpoint. On the command line an old name is refused; the message says the new
one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chisel.configs.errors import ConfigError

_KEYS = {
    "data": ("corpus", None),
    "env.levels.bank": ("env.levels.set_size", "maze"),
    "algo.aux.seekers": ("algo.aux.exploring", "aup"),
}
"""New name of each old one, and the component that has the option (None: every run has it)."""
_EXPERIMENTS = {
    "digits/split": "digits/halves",
    "digits/mnist-split": "digits/mnist-halves",
}


def with_new_names(settings: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return nested settings of a file with today's names; `settings` is not changed.

    Args:
        settings: Settings as they are in the file, with old or new names.
        source: Name of the file for an error message.

    Raises:
        ConfigError: If an option is given under both its old and its new name.
    """
    result = dict(settings)
    for old, (new, component) in _KEYS.items():
        *parents, last = old.split(".")
        group = _copied_group(result, parents)
        if last not in group or not _belongs(result, parents, component):
            continue
        new_last = new.rpartition(".")[2]
        if new_last in group:
            raise ConfigError(f"{source}: {old} is called {new} since 0.2; leave {old} out")
        group[new_last] = group.pop(last)
    for key in ("experiment", "extends"):
        name = result.get(key)
        if isinstance(name, str) and name in _EXPERIMENTS:
            result[key] = _EXPERIMENTS[name]
    return result


def refuse_old_name(name: str) -> None:
    """Refuse the old name of an option or an experiment.

    Raises:
        ConfigError: If `name` is an old name; the message says the new one.
    """
    names = _EXPERIMENTS | {old: new for old, (new, _) in _KEYS.items()}
    if name in names:
        raise ConfigError(f"{name} is called {names[name]} since 0.2")


def _copied_group(settings: dict[str, Any], parents: list[str]) -> dict[str, Any]:
    """Replace a group, and those around it, in `settings` by copies; return it, or {} if none."""
    group = settings
    for parent in parents:
        if not isinstance(group.get(parent), Mapping):
            return {}
        group[parent] = dict(group[parent])
        group = group[parent]
    return group


def _belongs(settings: Mapping[str, Any], parents: list[str], component: str | None) -> bool:
    """Return whether a group may belong to a component; without a name in the file it may."""
    return component is None or settings[parents[0]].get("name", component) == component
