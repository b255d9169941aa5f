"""The `key=value` grammar of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.yaml_file import parse

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_SEED = re.compile(r"-?\d+")


def split(override: str) -> tuple[str, str]:
    """Split `key=value`.

    Raises:
        ConfigError: If it is anything else; the message says what to type.
    """
    key, equals, value = override.partition("=")
    if override.startswith("-"):
        bare = key.lstrip("-")
        wanted = f"{bare}={value or 'VALUE'}" if bare else "key=value"
        raise ConfigError(f"{override}: options are written without dashes, {wanted}")
    if not equals:
        raise ConfigError(f"{override}: a setting is written key=value, so {override}=VALUE")
    if not _KEY.fullmatch(key):
        raise ConfigError(
            f"{override}: {key!r} is not a key; a setting is written like algo.gamma=0.99, "
            "without spaces"
        )
    if not value.strip():
        raise ConfigError(f"{override}: no value; write {key}=null for none")
    return key, value


def parse_settings(overrides: Sequence[str]) -> dict[str, Any]:
    """Turn `a.b=1` settings into nested dicts; values are text, lists of text, or None for null.

    Raises:
        ConfigError: If one is malformed, given twice, or sets both a group and a part of it.
    """
    nested: dict[str, Any] = {}
    for override in overrides:
        key, text = split(override)
        *parents, leaf = key.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{key}: both it and the group it belongs to are set")
        if leaf in node:
            raise ConfigError(f"{key} is given twice; give it once")
        node[leaf] = parse(text, key)
    return nested


def expand_seeds(overrides: Sequence[str]) -> list[list[str]]:
    """Turn `seed=0,1,2` into one list of overrides per seed.

    Returns:
        At least one list; without several seeds, the overrides as they came.

    Raises:
        ConfigError: If a seed is not a whole number or is listed twice.
    """
    for index, override in enumerate(overrides):
        key, equals, value = override.partition("=")
        if key != "seed" or not equals or "," not in value:
            continue
        seeds = [seed.strip() for seed in value.split(",")]
        if not all(_SEED.fullmatch(seed) for seed in seeds):
            raise ConfigError(f"seed={value}: several seeds are written seed=0,1,2")
        if len({int(seed) for seed in seeds}) < len(seeds):
            raise ConfigError(f"seed={value}: a seed is listed twice")
        rest = list(overrides)
        return [[*rest[:index], f"seed={seed}", *rest[index + 1 :]] for seed in seeds]
    return [list(overrides)]
