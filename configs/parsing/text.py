"""Check options that take text: `none` does not mean null, and commands must accept the paths."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.hints import group_of, hints_of, without_none
from chisel.configs.parsing.nesting import flatten, option
from chisel.configs.schema import RunConfig
from chisel.configs.suggest import shown

_NONE = ("None", "none")
_PATHS = ("runs_dir", "init_from", "corpus.path")


def with_homes(config: RunConfig) -> RunConfig:
    """Return the config with `~/` in its paths expanded."""
    corpus, path = config.corpus, option(config, "corpus.path")
    if path is not None:
        corpus = replace(corpus, path=_home(path))
    runs_dir, init_from = _home(config.runs_dir), _home(config.init_from)
    return replace(config, runs_dir=runs_dir, init_from=init_from, corpus=corpus)


def refuse_odd_text(config: RunConfig, given: Mapping[str, Any]) -> None:
    """Refuse text that is probably a mistake: `none` for null, and paths no command can take.

    Args:
        config: The config with these settings.
        given: Nested settings that the user wrote. The config of a finished run is not checked,
            because it must stay readable.

    Raises:
        ConfigError: For the first such text.
    """
    for key, text in flatten(given).items():
        group, _, last = key.rpartition(".")
        schema = group_of(type(option(config, group) if group else config))
        hint = hints_of(schema).get(last) if schema else None
        if not isinstance(text, str) or without_none(hint) is not str:
            continue
        if text in _NONE:
            null = (
                f"write {key}=null for none" if hint is not str else "leave it out for the default"
            )
            raise ConfigError(f"{key} = {text}: {null}")
        if key in _PATHS:
            _check_path(key, text)


def _check_path(key: str, text: str) -> None:
    odd = {
        "begins with -": text.startswith("-"),
        "begins or ends with a space": text != text.strip(),
        "holds a comma": key == "runs_dir" and "," in text,  # studies take RUN,RUN
        "holds an invisible character": not text.isprintable(),
        "names the home of an unknown user": _home(text).startswith("~"),
    }
    for what, found in odd.items():
        if found:
            raise ConfigError(f"{key} = {shown(text)}: {what}, so no command would take it")


def _home(text: Any) -> Any:
    """Return a path with `~` expanded; return anything else as it is."""
    return os.path.expanduser(text) if isinstance(text, str) else text
