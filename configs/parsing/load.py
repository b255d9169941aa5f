"""Load experiments and overrides into checked configs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from chisel.configs.errors import ConfigError
from chisel.configs.parsing import catalog, migration, overrides, typed
from chisel.configs.parsing.nesting import merged
from chisel.configs.parsing.text import refuse_odd_text, with_homes
from chisel.configs.rules.inert import refuse_unused
from chisel.configs.rules.validate import validate
from chisel.configs.schema import RunConfig


def load(experiment: str, settings: Sequence[str] = ()) -> RunConfig:
    """Load an experiment and check it.

    Args:
        experiment: Name of a packaged experiment, like "maze/quick", or path of a YAML file.
        settings: Overrides as `key=value`, like "algo.gamma=0.99".

    Returns:
        The frozen config. `env`, `corpus`, `model` and `algo` have the schema that is registered
        for their name.

    Raises:
        ConfigError: If anything is unknown, of the wrong type, impossible or contradictory. The
            message is one line with the full key.
    """
    given, own = catalog.read(experiment)
    return _finished(given, _nested(settings), own)


def override(config: RunConfig, settings: Sequence[str]) -> RunConfig:
    """Return the config with `key=value` overrides applied, checked like a new one.

    Raises:
        ConfigError: As for `load`.
    """
    return _finished(typed.to_plain(config), _nested(settings))


def from_plain(plain: Mapping[str, Any]) -> RunConfig:
    """Return the config of nested settings that `to_plain` of this version or of 0.1 returned.

    Raises:
        ConfigError: As for `load`.
    """
    return _finished(migration.with_new_names(plain, "config"), {})


def to_yaml(config: RunConfig) -> str:
    """Return the config as YAML; `load` reads it back to an equal config."""
    text: str = yaml.safe_dump(typed.to_plain(config), sort_keys=False, allow_unicode=True)
    return text


def _nested(settings: Sequence[str]) -> dict[str, Any]:
    nested = overrides.parse_settings(settings)
    if "experiment" in nested:
        raise ConfigError("experiment is the name of the file and cannot be set")
    return nested


def _finished(
    given: Mapping[str, Any], over: Mapping[str, Any], own: Mapping[str, Any] | None = None
) -> RunConfig:
    config = with_homes(typed.build(merged(given, over)))
    for typed_in in (own or {}, over):
        refuse_odd_text(config, typed_in)
    refuse_unused(config, own or {}, over)
    validate(config)
    return config
