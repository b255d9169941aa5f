"""Find numbers of results by an address, and print them in a form.

An address `ENTRY / TABLE / TEXT / … / COLUMN` leads to a column of the row that contains all these
texts, in a CSV file of a result. `*` in a text stands for anything. `min` or `max` after the column
takes the smallest or largest value of several such rows. `ENTRY / FILE.json / KEY / …` is a value
in a JSON file.

A form shows how a number is printed: `.00`, `0.00`, `+.00` or `0`. An interval follows in the same
way, as in `.00 (.00)`, or as half of its width, as in `.00 ± .00`. `0/0` prints a share as a count
out of all.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from chisel.analysis.results import Estimate
from chisel.configs import ConfigError, hint

SEPARATOR = " / "
_NUMBER = r"\+?0?(?:\.0+)?"
_FORM = re.compile(rf"(?P<value>0/0|{_NUMBER})(?: \((?P<ends>{_NUMBER})\)| ± (?P<half>{_NUMBER}))?")
_CHOICES = {"min": min, "max": max}


def read_number(folder: Path, address: str) -> Estimate:
    """Return the number at an address in a folder of results.

    Args:
        folder: Folder of the entry's result.
        address: The address, without the entry.

    Returns:
        The number; the ends of its interval are NaN if there is none, and an unknown n is 0.

    Raises:
        ConfigError: If there is no such number, or the address fits several.
    """
    table, *parts = address.split(SEPARATOR)
    try:
        if table.endswith(".json"):
            return _in_json(json.loads((folder / table).read_text(encoding="utf-8")), parts)
        with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            return _in_rows(list(csv.DictReader(file)), parts)
    except OSError as error:
        raise ConfigError(f"{address}: cannot read {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{address}: {error}") from error


def number_text(number: Estimate, form: str) -> str:
    """Return a number as text in a form; if it has no interval, without one.

    Raises:
        ConfigError: If the text is no form.
    """
    found = _FORM.fullmatch(form)
    if not found:
        raise ConfigError(f"no form {form!r}; a form is like .00, +.00 (+.00), 0.000 ± .000 or 0/0")
    if found["value"] == "0/0":
        text = f"{round(number.value * number.n)}/{number.n}"
    else:
        text = _printed(number.value, found["value"])
    if math.isnan(number.low):
        return text
    if found["ends"] is not None:
        low, high = (_printed(end, found["ends"]) for end in (number.low, number.high))
        return f"{text} ({low}, {high})"
    if found["half"] is not None:
        return f"{text} ± {_printed((number.high - number.low) / 2, found['half'])}"
    return text


def _printed(value: float, pattern: str) -> str:
    whole, _, decimals = pattern.partition(".")
    text = f"{value:{'+' if whole.startswith('+') else ''}.{len(decimals)}f}"
    if not whole.endswith("0"):
        text = re.sub(r"^([+-]?)0\.", r"\1.", text)
    return text.replace("-", "−")


def _in_json(data: Any, parts: list[str]) -> Estimate:
    for part in parts:
        try:
            data = data[int(part)] if isinstance(data, list) else data[part]
        except (KeyError, IndexError, TypeError, ValueError):
            known = data if isinstance(data, Mapping) else ()
            raise ValueError(f"there is no {part!r}; {hint(part, known)}") from None
    if isinstance(data, Mapping) and "value" in data:
        low, high = (_number(data.get(end)) for end in ("low", "high"))
        return Estimate(_number(data["value"]), low, high, data.get("n") or 0)
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise ValueError("this is no number")
    return Estimate(float(data), math.nan, math.nan, 0)


def _in_rows(rows: list[dict[str, str]], parts: list[str]) -> Estimate:
    choose = _CHOICES.get(parts[-1]) if parts else None
    *texts, column = parts[:-1] if choose else parts
    if not rows or column not in rows[0]:
        raise ValueError(f"there is no column {column!r}; {hint(column, rows[0] if rows else ())}")
    named = [
        row
        for row in rows
        if all(any(fnmatchcase(cell, text) for cell in row.values()) for text in texts)
    ]
    if not named or (len(named) > 1 and choose is None):
        raise ValueError(f"{len(named)} rows hold {SEPARATOR.join(texts)}; one must")
    if choose is not None:
        value = choose(_number(row[column]) for row in named)
        return Estimate(value, math.nan, math.nan, int(named[0].get(f"{column} n") or 0))
    row = named[0]
    low, high = (_number(row.get(f"{column} {end}")) for end in ("low", "high"))
    return Estimate(_number(row[column]), low, high, int(row.get(f"{column} n") or 0))


def _number(value: Any) -> float:
    """Return a number from a file; NaN if there is none."""
    return math.nan if value in (None, "") else float(value)
