"""Nested settings: laid over one another, and taken apart by dotted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

Component = Literal["env", "corpus", "model", "algo"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
"""Groups whose schema is chosen by their `name`."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the settings of `over` on top; neither is changed.

    Where `over` names another component, that group starts from the new component's defaults: the
    settings of the old one mean nothing to it.
    """
    kept = {key: value for key, value in base.items() if not _replaced(key, base, over)}
    return _laid_over(kept, over)


def flatten(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested dict's options by their dotted keys; an empty group stands for itself."""
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        if isinstance(value, Mapping) and value:
            flat |= {f"{key}.{inner}": one for inner, one in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return options given by their dotted keys as a nested dict: what `flatten` took apart."""
    result: dict[str, Any] = {}
    for key, value in flat.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        result = _laid_over(result, value)
    return result


def option(config: Any, key: str) -> Any:
    """Return the value at a dotted key of a typed config; None if a group has no such part."""
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
