"""What is written for keys that take text: none is null, and paths are paths that can be typed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.hints import hints_of, without_none
from chisel.configs.schema import RunConfig
from chisel.configs.suggest import shown

_NONE = ("None", "none")
_PATHS = ("runs_dir", "init_from", "corpus.path")


def with_homes(config: RunConfig) -> RunConfig:
    """The config with `~/` in its paths written out."""
    at_top = {key: _home(getattr(config, key)) for key in ("runs_dir", "init_from")}
    corpus, path = config.corpus, getattr(config.corpus, "path", None)
    if path is not None:
        corpus = replace(corpus, path=_home(path))
    return replace(config, **at_top, corpus=corpus)


def refuse_odd_text(config: RunConfig, given: Mapping[str, Any]) -> None:
    """Refuse text that means something else than it says.

    Args:
        config: The result.
        given: What somebody wrote down, as nested keys. What a finished run says of itself is not
            asked about: it must stay readable.

    Raises:
        ConfigError: For the first.
    """
    for key, text, optional in _texts(config, given, ""):
        if text in _NONE:
            null = f"write {key}=null for none" if optional else "leave it out for the usual one"
            raise ConfigError(f"{key} = {text}: {null}")
        if key in _PATHS:
            _check_path(key, text)


def _texts(group: Any, given: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, bool]]:
    """Every key that takes one text, of those that were given, that text, and if it may be null."""
    schema: type = type(group)
    hints = hints_of(schema)
    for key, value in given.items():
        part = getattr(group, key, None)
        if isinstance(value, Mapping) and is_dataclass(part):
            yield from _texts(part, value, f"{prefix}{key}.")
        elif isinstance(value, str) and without_none(hints.get(key)) is str:
            yield f"{prefix}{key}", value, hints[key] is not str


def _check_path(key: str, text: str) -> None:
    odd = {
        "begins with -": text.startswith("-"),
        "begins or ends with a space": text != text.strip(),
        "holds a comma": key == "runs_dir" and "," in text,  # studies take RUN,RUN
        "holds a character that can't be seen": not text.isprintable(),
        "names a home that there isn't": _home(text).startswith("~"),
    }
    for what, found in odd.items():
        if found:
            raise ConfigError(f"{key} = {shown(text)}: {what}, so no command would take it")


def _home(text: Any) -> Any:
    """With `~` written out; as it is if that is no user's, or no text."""
    return os.path.expanduser(text) if isinstance(text, str) else text
