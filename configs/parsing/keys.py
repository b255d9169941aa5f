"""Find the schema's option for every key of a nested dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_origin

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.hints import choices, describe, group_of, hints_of, without_none
from chisel.configs.parsing.migration import refuse_old_name
from chisel.configs.parsing.nesting import Component
from chisel.configs.schema import RunConfig
from chisel.configs.suggest import near, shown

Schemas = Mapping[Component, type | None]
"""The schema of each component (`env`, `corpus`, `model`, `algo`); None where there is none."""


class Leaf(NamedTuple):
    """One option as it was given: its dotted key, its value, and the schema's type for it."""

    key: str
    value: Any
    hint: Any


def leaves(data: Mapping[str, Any], schemas: Schemas) -> list[Leaf]:
    """Return all options in the nested dict of a run, each with its full key and its type.

    Raises:
        ConfigError: If a key is unknown, if a group is given for an option, or a value for a group.
    """
    return list(_leaves(data, _options(schemas), "", schemas))


def leaves_of(schema: type, data: Mapping[str, Any]) -> list[Leaf]:
    """Return all options in the nested dict of any other schema; see `leaves`."""
    return list(_leaves(data, hints_of(schema), "", {}))


def hint_at(key: str, schemas: Schemas) -> Any:
    """Return the type of the option at a dotted key; None if there is no such option."""
    hint: Any = None
    parts: Mapping[str, Any] = _options(schemas)
    for part in key.split("."):
        hint = parts.get(part)
        group = group_of(hint)
        parts = hints_of(group) if group else {}
    return hint


def choices_of_run(schemas: Schemas) -> dict[str, list[str]]:
    """Return the known values of every option of a run by key; an empty list for free values."""
    return _choices(_options(schemas), "")


def choices_of(schema: type, prefix: str = "") -> dict[str, list[str]]:
    """Return the known values of every option of a schema by key; see `choices_of_run`."""
    return _choices(hints_of(schema), prefix)


def _choices(parts: Mapping[str, Any], prefix: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, hint in parts.items():
        group = group_of(hint)
        if group:
            found |= choices_of(group, f"{prefix}{key}.")
        else:
            bools = ["true", "false"] if without_none(hint) is bool else []
            found[prefix + key] = choices(hint) or bools
    return found


def _leaves(
    data: Mapping[str, Any], parts: Mapping[str, Any], prefix: str, schemas: Schemas
) -> Iterator[Leaf]:
    for key, value in data.items():
        full = f"{prefix}{key}"
        if key not in parts:
            refuse_old_name(full)
            raise ConfigError(f"unknown key {full}; {_instead(str(key), prefix, parts, schemas)}")
        hint = parts[key]
        group = group_of(hint)
        if group is None and isinstance(value, Mapping) and get_origin(hint) is not dict:
            raise ConfigError(f"{full} has no parts; it is {describe(hint)}")
        if group is None or (value is None and key in schemas):
            yield Leaf(full, value, hint)
        elif isinstance(value, Mapping):
            yield from _leaves(value, hints_of(group), f"{full}.", schemas)
        else:
            what = "empty" if value is None else shown(value)
            first = next(iter(hints_of(group)))
            raise ConfigError(f"{full} is a group, not {what}; set its parts, like {full}.{first}")


def _options(schemas: Schemas) -> dict[str, Any]:
    chosen: dict[str, Any] = {kind: schema for kind, schema in schemas.items() if schema}
    return {**hints_of(RunConfig), **chosen}


def _instead(key: str, prefix: str, parts: Mapping[str, Any], schemas: Schemas) -> str:
    """Return the end of a message about an unknown key: what may be meant, or known keys."""
    if "." in key:
        return "in a file, write groups as nested keys"
    everywhere = list(choices_of_run(schemas))
    same = [full for full in everywhere if full.rpartition(".")[2] == key]
    if same:
        return f"did you mean {' or '.join(same)}?"
    match = near(key, parts)
    if match is not None:
        return f"did you mean {prefix}{match}?"
    match = near(f"{prefix}{key}", everywhere)
    return f"did you mean {match}?" if match else f"known here: {', '.join(parts)}"
