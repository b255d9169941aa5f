"""Grids: settings that list several values for a key, and the runs and folders they stand for."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

from chisel.configs import registry
from chisel.configs.errors import ConfigError
from chisel.configs.parsing import catalog, overrides
from chisel.configs.parsing.hints import without_none
from chisel.configs.parsing.keys import Schemas, hint_at
from chisel.configs.parsing.load import load
from chisel.configs.parsing.nesting import COMPONENTS, flatten, option
from chisel.configs.schema import RunConfig

MOST_RUNS = 1000
"""Largest number of runs in a grid. A larger one is probably a typo, and takes minutes to check."""
LONGEST_NAME = 100
"""Most characters of a folder's name, as for the option `name`."""
_OF_ALL = ("name", "runs_dir")
"""Options that all runs of a grid share; a comma belongs to their value."""
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Grid:
    """The runs that settings stand for; one run if no key has several values."""

    keys: tuple[str, ...]
    """Keys with several values, in the order in which they were given."""
    runs: dict[str, RunConfig]
    """Config of each run by its folder; the last key changes fastest. If only seeds vary, a folder
    is `seed-N`. Otherwise it is named after the other settings, like `learning_rate=0.001`, and
    holds folders `seed-N` if seeds vary too. The folder of a single run is ""."""


def load_grid(experiment: str, settings: Sequence[str] = ()) -> Grid:
    """Load an experiment whose settings may list several values, and check every run.

    `algo.gamma=0.9,0.99 seed=0,1` are four runs. A key that holds a list takes one list without
    brackets, `model.channels=16,32`, or several with them, `model.channels=[16,32],[32,64]`. Commas
    within quotes, brackets and braces separate nothing.

    Args:
        experiment: Name of a packaged experiment, or path of a YAML file.
        settings: Overrides as `key=value`.

    Raises:
        ConfigError: As for `load`, with the settings of the wrong run. Also if a value is empty or
            listed twice, or if there are more than `MOST_RUNS` runs.
    """
    spans = _spans(experiment, [overrides.split(one) for one in settings])
    keys = tuple(key for key, values in spans if len(values) > 1)
    number = math.prod(len(values) for _, values in spans)
    if number > MOST_RUNS:
        sizes = " × ".join(f"{len(values)} of {key}" for key, values in spans if len(values) > 1)
        raise ConfigError(
            f"{sizes} are {number:,} runs; a grid has at most {MOST_RUNS:,}, so train several grids"
        )
    points = []
    for values in itertools.product(*(values for _, values in spans)):
        given = [(key, value) for (key, _), value in zip(spans, values, strict=True)]
        points.append(_loaded(experiment, given, keys))
    _refuse_equal(points)
    return Grid(keys, dict(zip(_folders(points, keys), (p.config for p in points), strict=True)))


@dataclass(frozen=True)
class _Point:
    config: RunConfig
    given: dict[str, str]
    """This run's values, as typed, of the keys that have several."""

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.given.items())


def _loaded(experiment: str, given: Sequence[tuple[str, str]], keys: Sequence[str]) -> _Point:
    varied = {key: value for key, value in given if key in keys}
    try:
        return _Point(load(experiment, [f"{key}={value}" for key, value in given]), varied)
    except ConfigError as error:
        where = " ".join(f"{key}={value}" for key, value in varied.items())
        raise ConfigError(f"{error}, in the run with {where}" if where else str(error)) from error


def _refuse_equal(points: Sequence[_Point]) -> None:
    """Refuse values that are written differently but mean the same."""
    found: dict[str, _Point] = {}
    for point in points:
        other = found.setdefault(repr(point.config), point)
        if other is not point:
            raise ConfigError(f"{other} and {point} are the same run; list each value once")


def _spans(
    experiment: str, settings: Sequence[tuple[str, str]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return each key with its values: one, or those that the grid tries."""
    schemas = list(_schemas(experiment, settings))
    spans = []
    for key, text in settings:
        values = (text,) if key in _OF_ALL else _split(text)
        if len(values) > 1 and any(_holds_list(key, some) for some in schemas):
            values = _lists(key, text, values)
        if "" in values:
            raise ConfigError(f"{key}={text}: a value is empty; several are written {key}=A,B,C")
        twice = next((v for i, v in enumerate(values) if v in values[:i]), None)
        if twice is not None:
            raise ConfigError(f"{key}={text}: {twice} is listed twice")
        spans.append((key, values))
    return spans


def _split(text: str) -> tuple[str, ...]:
    """Split at the commas that stand outside quotes, brackets and braces."""
    parts, start, depth, quote = [], 0, 0, ""
    for index, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and (depth or not text[start:index].strip()):
            quote = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    return (*parts, text[start:].strip()) if parts else (text,)


def _lists(key: str, text: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of a key that holds a list: one list, or several in brackets."""
    bracketed = {value.startswith("[") for value in values}
    if len(bracketed) > 1:
        raise ConfigError(
            f"{key}={text}: several lists are written {key}=[A,B],[C,D], each in brackets"
        )
    return values if bracketed == {True} else (f"[{text}]",)


def _holds_list(key: str, schemas: Schemas) -> bool:
    origin: Any = get_origin(without_none(hint_at(key, schemas)))
    return origin in (tuple, list)


def _schemas(experiment: str, settings: Sequence[tuple[str, str]]) -> Iterator[Schemas]:
    """Yield the schemas for each choice of components; `load` refuses unknown names."""
    given, typed = catalog.read(experiment)[0], dict(settings)
    kinds: list[list[type | None]] = []
    for kind in COMPONENTS:
        group = given.get(kind)
        in_file = str(group.get("name")) if isinstance(group, Mapping) else ""
        names = _split(typed.get(f"{kind}.name", in_file))
        known = [name for name in names if name in registry.names(kind)]
        kinds.append([registry.get(kind, name).schema for name in known] or [None])
    for chosen in itertools.product(*kinds):
        yield dict(zip(COMPONENTS, chosen, strict=True))


def _folders(points: Sequence[_Point], keys: Sequence[str]) -> list[str]:
    """Name the folder of each run; see `Grid`."""
    words = _shortened(keys)
    named = [key for key in keys if key != "seed"]
    names = ["_".join(f"{words[key]}={_value(p, key)}" for key in named) for p in points]
    meant: dict[str, set[str]] = {}
    for name, point in zip(names, points, strict=True):
        meant.setdefault(name, set()).add(_typed(point, named))
    folders = []
    for name, point in zip(names, points, strict=True):
        if len(name) > LONGEST_NAME or len(meant[name]) > 1:
            digest = hashlib.sha256(_typed(point, named).encode()).hexdigest()[:8]
            name = f"{name[: LONGEST_NAME - 9]}-{digest}"
        seed = [f"seed-{point.config.seed}"] if "seed" in keys else []
        folders.append("/".join([*([name] if named else []), *seed]))
    return folders


def _typed(point: _Point, keys: Sequence[str]) -> str:
    return " ".join(f"{key}={point.given[key]}" for key in keys)


def _value(point: _Point, key: str) -> str:
    """Return a value as part of a file's name: the config's value, without special characters."""
    value = option(point.config, key)
    return _NO_FILE_NAME.sub("-", _text(point.given[key] if value is None else value)).strip("-")


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "-".join(f"{key}-{_text(one)}" for key, one in flatten(value).items())
    if isinstance(value, list | tuple):
        return "-".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shortened(keys: Sequence[str]) -> dict[str, str]:
    """Return the shortest ending of each key that no other key has; `env.name` counts as `env`."""
    parts = {key: key.removesuffix(".name").split(".") for key in (*keys, "seed")}
    return {
        key: next(
            ".".join(own[-length:])
            for length in range(1, len(own) + 1)
            if length == len(own)
            or all(own[-length:] != p[-length:] for k, p in parts.items() if k != key)
        )
        for key, own in parts.items()
    }
