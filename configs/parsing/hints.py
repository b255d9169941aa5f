"""Read the schema's type hints, and describe them in words for error messages."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}


@cache
def hints_of(schema: type) -> Mapping[str, Any]:
    """Return the type of every field of a dataclass by name, in order."""
    resolved = get_type_hints(schema)
    return {field.name: resolved[field.name] for field in fields(schema)}


def group_of(hint: Any) -> type | None:
    """Return the hint itself if it is a dataclass, a group of options; None for single options."""
    return hint if isinstance(hint, type) and is_dataclass(hint) else None


def without_none(hint: Any) -> Any:
    """Return `X` for the hint `X | None`, and any other hint as it is."""
    if get_origin(hint) in (Union, types.UnionType):
        rest = [member for member in get_args(hint) if member is not type(None)]
        return rest[0] if len(rest) == 1 else hint
    return hint


def describe(hint: Any) -> str:
    """Return a hint in words: `int | None` is "a whole number or null"."""
    given = without_none(hint)
    if given is not hint:
        return f"{describe(given)} or null"
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(hint))
    if get_origin(hint) is dict:
        return "a group of names with a value each"
    if get_origin(hint) in (tuple, list):
        member = get_args(hint)[0]
        example = "[16, 32, 32]" if member is int else "[a, b]"
        return f"a list such as {example}"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def choices(hint: Any) -> list[str]:
    """Return the values that a `Literal` hint allows, as text; an empty list for other hints."""
    given = without_none(hint)
    return [str(choice) for choice in get_args(given)] if get_origin(given) is Literal else []
