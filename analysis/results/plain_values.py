"""Read dataclasses from plain values that a person or a page wrote, and refuse everything else."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from chisel.configs import ConfigError, hint

T = TypeVar("T")


def read_plain(kind: type[T], plain: Any, where: str = "") -> T:
    """Make a dataclass from plain values, such as those of JSON.

    Fields are numbers, strings, bools, `Literal`s, tuples of one type, dataclasses, or a union of
    those with `None`. The field `kind` decides between the dataclasses of a union.

    Args:
        kind: The dataclass, or a union of dataclasses.
        plain: Dicts, lists, strings, numbers.
        where: Name of what is read, for messages.

    Raises:
        ConfigError: If a field is missing, unknown or of the wrong type, or a number is not finite.
    """
    value: T = _read(kind, plain, where)
    return value


def _read(kind: Any, plain: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _read_fields(kind, plain, where)
    origin = get_origin(kind)
    if origin is Literal:
        if plain not in get_args(kind) or isinstance(plain, bool):
            raise ConfigError(f"{where}: {_short(plain)}; {hint(str(plain), get_args(kind))}")
        return plain
    if origin in (Union, UnionType):
        return _read_union(get_args(kind), plain, where)
    if origin is tuple:
        return _read_tuple(get_args(kind), plain, where)
    return _read_number_or_text(kind, plain, where)


def _read_fields(kind: Any, plain: Any, where: str) -> Any:
    if not isinstance(plain, Mapping):
        raise ConfigError(f"{where or 'this'}: {_short(plain)} is no object with named values")
    hints, known = _hints(kind), {field.name: field for field in fields(kind)}
    for name in plain:
        if name not in known:
            raise ConfigError(f"{_inside(where, str(name))}: unknown; {hint(str(name), known)}")
    values = {}
    for name, field in known.items():
        if name in plain:
            values[name] = _read(hints[name], plain[name], _inside(where, name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{_inside(where, name)} is missing")
    return kind(**values)


def _read_union(kinds: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None and NoneType in kinds:
        return None
    others = [one for one in kinds if one is not NoneType]
    if not all(map(is_dataclass, others)):
        return _first_that_fits(others, plain, where)
    if len(others) == 1:
        return _read(others[0], plain, where)
    by_name = {get_args(_hints(one)["kind"])[0]: one for one in others}
    name = plain.get("kind") if isinstance(plain, Mapping) else None
    if name not in by_name:
        raise ConfigError(f"{_inside(where, 'kind')}: {_short(name)}; {hint(str(name), by_name)}")
    return _read(by_name[name], plain, where)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _first_that_fits(kinds: list[Any], plain: Any, where: str) -> Any:
    for kind in kinds[:-1]:
        try:
            return _read(kind, plain, where)
        except ConfigError:
            continue
    return _read(kinds[-1], plain, where)


def _read_tuple(kinds: tuple[Any, ...], plain: Any, where: str) -> Any:
    if not isinstance(plain, list | tuple):
        raise ConfigError(f"{where}: {_short(plain)} is no list")
    if kinds[-1] is ...:
        return tuple(_read(kinds[0], one, f"{where}[{n}]") for n, one in enumerate(plain))
    if len(plain) != len(kinds):
        raise ConfigError(f"{where}: {len(plain)} values, not {len(kinds)}")
    return tuple(
        _read(kind, one, f"{where}[{n}]")
        for n, (kind, one) in enumerate(zip(kinds, plain, strict=True))
    )


_TESTS: dict[type, tuple[Callable[[Any], bool], str]] = {
    str: (lambda one: isinstance(one, str), "text"),
    bool: (lambda one: isinstance(one, bool), "true or false"),
    int: (lambda one: isinstance(one, int) and not isinstance(one, bool), "a whole number"),
    float: (
        lambda one: isinstance(one, int | float) and not isinstance(one, bool),
        "a number",
    ),
    dict: (lambda one: isinstance(one, dict), "an object"),
}


def _read_number_or_text(kind: Any, plain: Any, where: str) -> Any:
    fits, what = _TESTS[kind]
    if not fits(plain):
        raise ConfigError(f"{where}: {_short(plain)} is not {what}")
    if kind is not float:
        return plain
    if not math.isfinite(plain):
        raise ConfigError(f"{where}: {_short(plain)} is not finite")
    return float(plain)


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
