"""Parse the `key=value` settings of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.nesting import nested
from chisel.configs.parsing.yaml_file import parse

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def split(override: str) -> tuple[str, str]:
    """Split `key=value` into key and value.

    Raises:
        ConfigError: If the text has another form; the message says what to type.
    """
    key, equals, value = override.partition("=")
    if override.startswith("-"):
        bare = key.lstrip("-")
        wanted = f"{bare}={value or 'VALUE'}" if bare else "key=value"
        raise ConfigError(f"{override}: options are written without dashes, like {wanted}")
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


def _value(key: str, text: str) -> Any:
    try:
        return parse(text, key)
    except ConfigError as error:
        if ": " not in text and " #" not in text:
            raise
        raise ConfigError(
            f"{error}; if the value is text, write it in quotes of its own: {key}='\"…\"'"
        ) from error


def parse_settings(overrides: Sequence[str]) -> dict[str, Any]:
    """Return settings like `a.b=1` as nested dicts.

    Values are text, lists or dicts of text, or None for null.

    Raises:
        ConfigError: If a setting is malformed or given twice, or if both a group and a part of it
            are set.
    """
    settings: dict[str, Any] = {}
    for override in overrides:
        key, text = split(override)
        if key in settings:
            raise ConfigError(f"{key} is given twice; give it once")
        settings[key] = _value(key, text)
    for key in settings:
        if any(key.startswith(f"{group}.") for group in settings):
            raise ConfigError(f"{key} and the group that it belongs to are both set; set only one")
    return nested(settings)
