"""Convert nested settings to typed, frozen dataclasses, and back."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, cast

from chisel.configs import registry
from chisel.configs.errors import ConfigError
from chisel.configs.parsing.hints import choices, describe, without_none
from chisel.configs.parsing.keys import Leaf, leaves, leaves_of
from chisel.configs.parsing.nesting import COMPONENTS, nested
from chisel.configs.schema import LaunchConfig, RunConfig
from chisel.configs.suggest import near, shown

# Functions import OmegaConf themselves, because `--help` and completion do without it.

_BOOLS = {"true", "false", "yes", "no", "on", "off"}
_EXPONENT = re.compile(r"[-+]?\d+(\.\d+)?[eE]\+?\d{1,2}")


def build(data: Mapping[str, Any]) -> RunConfig:
    """Return the typed config of nested settings; options that are left out get their defaults.

    Args:
        data: Nested settings. Values may be text, as YAML files and the command line give them.

    Raises:
        ConfigError: If a component or a key is unknown or a value is of the wrong type.
    """
    schemas = {kind: _schema(kind, data.get(kind)) for kind in COMPONENTS}
    base = _defaults(RunConfig, tuple((kind, one) for kind, one in schemas.items() if one))
    return cast(RunConfig, _typed(base, leaves(data, schemas)))


def build_launch(data: Mapping[str, Any]) -> LaunchConfig:
    """Return the typed options of a launch; otherwise like `build`."""
    base = _defaults(LaunchConfig)
    return cast(LaunchConfig, _typed(base, leaves_of(LaunchConfig, data)))


@cache
def _defaults(schema: type, components: tuple[tuple[str, type], ...] = ()) -> bytes:
    """Return the pickled OmegaConf defaults of a schema and its components.

    They are cached, because computing them is half the time of loading a config, and pickled,
    because OmegaConf copies a config several times slower than pickle reads it.
    """
    from omegaconf import OmegaConf

    return pickle.dumps(OmegaConf.structured(schema(**{kind: one() for kind, one in components})))


def _typed(base: bytes, given: Iterable[Leaf]) -> Any:
    """Return the dataclass of the defaults `base` with the given options."""
    from omegaconf.errors import OmegaConfBaseException

    given = [_prepared(leaf) for leaf in given]
    try:
        return _merged(base, given)
    except (OmegaConfBaseException, ValueError) as error:
        raise _explained(error, base, given) from error


def to_plain(config: RunConfig) -> dict[str, Any]:
    """Return a config as nested dicts, lists, text, numbers, booleans and None."""
    return asdict(config, dict_factory=_with_lists)


def _with_lists(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in items}


def _schema(kind: registry.Kind, group: Any) -> type | None:
    if group is None:
        return None
    known = registry.names(kind)
    if not isinstance(group, Mapping):
        raise ConfigError(
            f"{kind} is a group, not {shown(group)}; write {kind}.name={shown(group)}"
        )
    name = group.get("name")
    if name is None:
        raise ConfigError(f"{kind}.name is missing; known: {', '.join(known)}")
    if name not in known:
        raise ConfigError(
            f"{kind}.name = {shown(name)}: there is no such {kind}; "
            f"{registry.instead(kind, str(name))}"
        )
    return registry.get(kind, name).schema


def _prepared(leaf: Leaf) -> Leaf:
    """Refuse values that OmegaConf would convert wrongly; convert `2e6` to a whole number."""
    wanted = without_none(leaf.hint)
    text = leaf.value if isinstance(leaf.value, str) else ""
    if "${" in text or text == "???":
        raise ConfigError(
            f"{leaf.key} = {shown(text)}: write the value out; must be {describe(wanted)}"
        )
    if wanted is bool and leaf.value is not None and str(leaf.value).lower() not in _BOOLS:
        raise _mismatch(leaf)
    if wanted is int and _EXPONENT.fullmatch(text) and float(text).is_integer():
        return leaf._replace(value=int(float(text)))
    return leaf


def _merged(base: bytes, given: Iterable[Leaf]) -> Any:
    from omegaconf import OmegaConf

    data = nested({leaf.key: leaf.value for leaf in given})
    return OmegaConf.to_object(OmegaConf.unsafe_merge(pickle.loads(base), data))


def _explained(error: Exception, base: bytes, given: Iterable[Leaf]) -> ConfigError:
    """Return OmegaConf's error as ours. It may not name the key, so each option is tried alone."""
    from omegaconf.errors import OmegaConfBaseException

    for leaf in given:
        try:
            _merged(base, [leaf])
        except (OmegaConfBaseException, ValueError):
            return _mismatch(leaf)
    return ConfigError(str(error).splitlines()[0])


def _mismatch(leaf: Leaf) -> ConfigError:
    match = near(str(leaf.value), choices(leaf.hint))
    more = f"; did you mean {match!r}?" if match else ""
    return ConfigError(f"{leaf.key} = {shown(leaf.value)}: must be {describe(leaf.hint)}{more}")
