"""Merge nested settings, and convert them to and from dotted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

Component = Literal["env", "corpus", "model", "algo"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
"""Groups whose schema is chosen by their `name`."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` updated with the settings of `over`; neither is changed.

    If `over` names another component for a group, the group's settings in `base` are dropped,
    because they belong to the old component.
    """
    kept = {key: value for key, value in base.items() if not _replaced(key, base, over)}
    return _laid_over(kept, over)


def flatten(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a nested dict by dotted key; an empty group is kept as a value."""
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        if isinstance(value, Mapping) and value:
            flat |= {f"{key}.{inner}": one for inner, one in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by dotted key as a nested dict, the inverse of `flatten`."""
    result: dict[str, Any] = {}
    for key, value in flat.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        result = _laid_over(result, value)
    return result


def option(config: Any, key: str) -> Any:
    """Return the value at a dotted key of a typed config; None if there is no such option."""
    value = config
    for part in key.split("."):
        value = getattr(value, part, None)
    return value


def _replaced(key: str, base: Mapping[str, Any], over: Mapping[str, Any]) -> bool:
    old, new = base.get(key), over.get(key)
    if key not in COMPONENTS or not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return False
    return "name" in new and new["name"] != old.get("name")


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = _laid_over(old, value)
        else:
            result[key] = value
    return result
