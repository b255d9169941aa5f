"""Options that mean nothing beside another option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from chisel.configs.errors import ConfigError
from chisel.configs.schema import RunConfig
from chisel.configs.suggest import shown


class _Needs(NamedTuple):
    """`key` has no effect unless `other` has one of `values`."""

    key: str
    other: str
    values: tuple[Any, ...]


_NEEDS = (
    _Needs("env.region", "env.cheese", ("region",)),
    _Needs("env.use_backgrounds", "env.observation", ("pixels",)),
    _Needs("env.use_monochrome_assets", "env.observation", ("pixels",)),
    _Needs("env.restrict_themes", "env.observation", ("pixels",)),
    _Needs("env.use_generated_assets", "env.observation", ("pixels",)),
    _Needs("algo.norm_reward_gamma", "algo.norm_reward", (True,)),
    _Needs("algo.reward_clip", "algo.norm_reward", (True,)),
    _Needs("tracking.project", "tracking.mode", ("offline", "online")),
    _Needs("tracking.entity", "tracking.mode", ("offline", "online")),
    _Needs("tracking.group", "tracking.mode", ("offline", "online")),
    _Needs("tracking.tags", "tracking.mode", ("offline", "online")),
    _Needs("tracking.log_artifacts", "tracking.mode", ("offline", "online")),
)


def refuse_unused(config: RunConfig, file: Mapping[str, Any], over: Mapping[str, Any]) -> None:
    """Refuse settings that somebody wrote down and that would do nothing.

    An override may turn a feature off without taking back the details that the file gives.

    Args:
        config: The result.
        file: What the experiment's own file sets.
        over: What the overrides set.

    Raises:
        ConfigError: If there is such a setting.
    """
    for rule in _NEEDS:
        value = _at(over, rule.key)
        if value is None and _at(over, rule.other) is None:
            value = _at(file, rule.key)
        actual = _attribute(config, rule.other)
        if value is None or actual is None or actual in rule.values:
            continue
        wanted = " or ".join(_word(one) for one in rule.values)
        raise ConfigError(
            f"{rule.key} = {shown(value)} has no effect with {rule.other} = {_word(actual)}; "
            f"set {rule.other}={wanted} or leave {rule.key} out"
        )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _at(nested: Mapping[str, Any], key: str) -> Any:
    group, _, last = key.partition(".")
    return (nested.get(group) or {}).get(last)


def _attribute(config: RunConfig, key: str) -> Any:
    group, _, last = key.partition(".")
    return getattr(getattr(config, group), last, None)
