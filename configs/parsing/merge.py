"""Lays one nested dict of settings over another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Component = Literal["env", "corpus", "model", "algo"]
COMPONENTS: tuple[Component, ...] = ("env", "corpus", "model", "algo")
"""Groups whose schema is chosen by their `name`."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the settings of `over` on top; neither is changed.

    Where `over` names another component, that group starts from the new component's defaults: the
    settings of the old one mean nothing to it.
    """
    kept = {key: value for key, value in base.items() if not _replaced(key, base, over)}
    return _laid_over(kept, over)


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
