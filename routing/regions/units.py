"""Parse text for a set of units, such as `"0:16,20,50%:75%"`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from chisel.routing.errors import RoutingError

_INDEX = re.compile(r"-?\d+")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_GRAMMAR = "write indices, slices and percentages, as in '0:16,20,50%:75%'"


def parse_units(units: str | int | Sequence[int], size: int, what: str) -> tuple[int, ...]:
    """Parse text for units into indices, ascending and without repetition.

    Slices are Python's (`start:stop:step`, negative numbers count from the end), except that an end
    out of range is an error. Start and stop may be percentages, which are rounded to the nearest
    unit, so that `0%:50%` and `50%:100%` never share one.

    Args:
        units: Text, one index, or indices.
        size: Number of units.
        what: The activation that has the units, for messages, such as `"the output of fc"`.

    Raises:
        RoutingError: If the text cannot be read, or stands for no unit, or for one that doesn't
            exist.
    """
    if isinstance(units, bool) or not isinstance(units, str | int | Sequence):
        raise RoutingError(f"units of {what}: {units!r} is not a set of units; {_GRAMMAR}")
    if isinstance(units, str):
        words: Sequence[str | int] = units.split(",")
    else:
        words = [units] if isinstance(units, int) else units
    chosen: set[int] = set()
    for word in words:
        chosen.update(_item(str(word).strip(), size, what))
    if not chosen:
        raise RoutingError(f"units of {what}: {units!r} chooses none of its {size} units")
    return tuple(sorted(chosen))


def _item(word: str, size: int, what: str) -> Sequence[int]:
    if _INDEX.fullmatch(word):
        index = int(word)
        if not -size <= index < size:
            raise _out_of_range(word, size, what)
        return [index % size]
    start, *others = word.split(":")
    if len(others) not in (1, 2):
        raise RoutingError(f"units of {what}: cannot read {word!r}; {_GRAMMAR}")
    stop, step = others[0], others[1] if len(others) == 2 else ""
    if step and (not _INDEX.fullmatch(step) or int(step) == 0):
        raise RoutingError(f"units of {what}: {word!r} has an impossible step; {_GRAMMAR}")
    first, last = _end(start, word, size, what), _end(stop, word, size, what)
    return range(size)[first : last : int(step) if step else None]


def _end(end: str, word: str, size: int, what: str) -> int | None:
    end = end.strip()
    if not end:
        return None
    percent = _PERCENT.fullmatch(end)
    if percent:
        place = int(Fraction(percent[1]) * size / 100 + Fraction(1, 2))
    elif _INDEX.fullmatch(end):
        place = int(end)
    else:
        raise RoutingError(f"units of {what}: cannot read {word!r}; {_GRAMMAR}")
    if not -size <= place <= size:
        raise _out_of_range(word, size, what)
    return place


def _out_of_range(word: str, size: int, what: str) -> RoutingError:
    return RoutingError(f"units of {what}: {word!r} is out of range; there are {size} units")
