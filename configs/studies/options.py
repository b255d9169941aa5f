"""Read the options of a study from the signature and the docstring of its function.

An option is a keyword argument of the function. Its annotation says which values it takes: `int`,
`float`, `bool`, `str` or a `Literal`; one of these within limits (`Count`, or `Annotated[float,
Within(0, 1)]`); a tuple of one of these (`tuple[float, ...]`, written with commas); or any of them
`| None`. `Agent`, `Agents` and `Networks` are loaded from a path, `tuple[Agents, ...]` from
several. This room knows these three by name only, because it imports no torch.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.overrides import parse_settings
from chisel.configs.suggest import hint

PROGRESS = "progress"
"""Parameter for the callback that shows progress. The harness passes it, so it is no option."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
LOADED = ("Agent", "Agents", "Networks")
"""Annotations of options that are paths: one agent, the seeds of a group, networks of any kind."""
_BOOLS = {"true": True, "false": False}
_TEXT = (str, PurePath, int, float, list, tuple, dict)
"""Types of values that are not loaded yet: paths, and mistakes that loading will refuse."""


@dataclass(frozen=True)
class Within:
    """Limits of a number: its least and its largest value, both included."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        """Return words like `at least 1` and `from 0 to 1`."""
        if self.most == math.inf:
            return f"at least {self.least:g}"
        return f"from {self.least:g} to {self.most:g}"


Count = Annotated[int, Within(1)]
"""A whole number from 1."""
Seed = Annotated[int, Within(0)]
"""A seed of random draws, a whole number from 0."""
Share = Annotated[float, Within(0, 1)]
"""A share of a whole, from 0 to 1."""


@dataclass(frozen=True)
class Option:
    """One option of a study."""

    name: str
    kind: Any
    """`int`, `float`, `bool`, `str`, or one of the names in `LOADED`."""
    default: Any = inspect.Parameter.empty
    several: bool = False
    """Whether it takes several values, separated by commas."""
    allowed: tuple[Any, ...] = ()
    """The values of a `Literal`; empty if there is none."""
    within: Within | None = None
    meaning: str = ""
    """The text on it in the function's docstring."""

    @property
    def needed(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty

    @property
    def loads(self) -> bool:
        """Whether its value is a path from which agents are loaded."""
        return self.kind in LOADED

    @property
    def takes(self) -> str:
        """The values that it takes, in words, such as `a whole number, at least 1`."""
        if self.loads:
            seeds = self.kind != "Agent" or self.name == "checkpoint"
            one = "a run, a checkpoint, a shipped agent, a .pth" + ", a folder of seeds" * seeds
            return f"{one}; several with commas between" if self.several else one
        words = " or ".join(map(str, self.allowed)) or _WORDS[self.kind]
        if self.several:
            words = {"text": "names"}.get(
                words, words.removeprefix("a ") + "s" * (not self.allowed)
            )
            words += ", separated by commas"
        return f"{words}, {self.within}" if self.within else words

    def read(self, value: Any) -> Any:
        """Return a value as the option's type; convert text, which command lines give.

        Raises:
            ConfigError: If the option does not take the value.
        """
        if value is None and self.default is None:
            return None
        if value == "None" and self.default is None:
            raise ConfigError(f"{self.name}=None: leave {self.name} out for none")
        if not self.several:
            return self._one(value)
        parts = value if isinstance(value, list | tuple) else str(value).split(",")
        found = tuple(self._one(part.strip() if isinstance(part, str) else part) for part in parts)
        twice = [part for number, part in enumerate(found) if part in found[:number]]
        if twice:
            raise ConfigError(f"{self.name}={as_typed(value)}: {as_typed(twice[0])} is given twice")
        return found

    def typed(self, value: Any) -> str:
        """Return a value as text that `read` converts back to it, in JSON if needed."""
        text = as_typed(value)
        for one in (text, json.dumps(text, ensure_ascii=False)):
            try:
                if self.read(parse_settings([f"key={one}"])["key"]) == value:
                    return one
            except ConfigError:
                continue
        return text

    def _one(self, value: Any) -> Any:
        if self.loads:
            return str(value) if isinstance(value, _TEXT) else value
        if self.allowed:
            if value not in self.allowed:
                known = hint(str(value), map(str, self.allowed))
                raise ConfigError(f"{self.name}={as_typed(value)}: {known}")
            return value
        if isinstance(value, list | dict):
            raise ConfigError(f"{self.name}={value}: must be {self.takes}, without brackets")
        text = as_typed(value)
        try:
            read = _BOOLS[text.lower()] if self.kind is bool else self.kind(text)
            finite = not isinstance(read, float) or math.isfinite(read)
            inside = self.within is None or self.within.least <= read <= self.within.most
        except (KeyError, ValueError):
            finite = inside = False
            read = None
        if not (finite and inside) or (text == "" and self.several):
            raise ConfigError(f"{self.name}={text}: must be {self.takes}")
        return read


THREADS = Option(
    "threads",
    int,
    None,
    within=Within(1),
    meaning="Number of torch's CPU threads; left out, one for each core that nothing else keeps "
    "busy. Results depend on it in the last bits at most.",
)
"""Option of everything that computes with torch."""


STYLE = Option(
    "style",
    str,
    "paper",
    allowed=("paper", "slides", "dark"),
    meaning="What figures are for: a paper; slides, with larger text; or a dark page.",
)
WIDTH = Option(
    "width",
    float,
    None,
    within=Within(60, 400),
    meaning="Width of figures in mm, such as 85 for a column of a paper or 174 for both; left out, "
    "as wide as they are drawn. Text is at least 7 pt high.",
)
"""Options of figures, which every study has (with `STYLE`)."""


def options_of(
    study: str, function: Callable[..., Any], loaded: Mapping[Any, str]
) -> dict[str, Option]:
    """Return the options of a study by name: those of its signature, then those of every study.

    Studies of agents also take `env`, for published weights.

    Args:
        study: Name of the study.
        function: Its function.
        loaded: Name in `LOADED` of each annotation whose value is loaded from a path.

    Raises:
        ConfigError: If a command line cannot give values of an annotation, or a name is taken.
    """
    hints = get_type_hints(function, include_extras=True)
    meanings = _meanings(function)
    found: dict[str, Option] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name != PROGRESS:
            option = _annotated(Option(name, None, meaning=meanings.get(name, "")), hints[name])
            option = replace(option, kind=loaded.get(option.kind, option.kind))
            if option.kind not in (*_WORDS, *LOADED):
                raise ConfigError(
                    f"study {study}: {name} is annotated {hints[name]}; an option is one of int, "
                    "float, bool, str, a Literal, a tuple of one of them, Agent, Agents or Networks"
                )
            found[name] = replace(option, default=parameter.default)
    out = Option("out", str, None, meaning="Folder for the results, instead of the usual one.")
    common = [THREADS, STYLE, WIDTH, out]
    if any(option.loads for option in found.values()):
        says = "For published weights, the experiment whose environment they play in."
        common.insert(0, Option("env", str, None, meaning=says))
    for option in common:
        if option.name in found:
            raise ConfigError(f"study {study}: {option.name} belongs to every study; rename yours")
        found[option.name] = option
    return found


def read_options(
    study: str, options: Mapping[str, Option], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of all options: given ones converted, defaults for the others.

    Raises:
        ConfigError: If an option is unknown or missing, or does not take its value.
    """
    given = {key: value for key, value in given.items() if value is not None}
    for key in given:
        if key not in options:
            raise ConfigError(f"study {study}: no option {key!r}; {hint(key, options)}")
    for key, option in options.items():
        if option.needed and key not in given:
            raise ConfigError(f"study {study} needs {key}=VALUE")
    values = {key: option.default for key, option in options.items()}
    return values | {key: options[key].read(value) for key, value in given.items()}


def as_typed(value: Any) -> str:
    """Return a value as text for a command line: `null`, `true`, or values joined by commas.

    Text is returned as it is; `Option.typed` quotes it where the command line needs that.
    """
    if isinstance(value, list | tuple):
        return ",".join(map(as_typed, value))
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _annotated(option: Option, annotation: Any) -> Option:
    """Return the option with the type and limits that an annotation says."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        rest = [one for one in members if one is not NoneType]
        return _annotated(option, rest[0]) if len(rest) == 1 else option
    if origin is Annotated:
        within = next((one for one in members[1:] if isinstance(one, Within)), None)
        return _annotated(replace(option, within=within), members[0])
    if origin is tuple and members[1:] == (...,) and not option.several:
        return _annotated(replace(option, several=True), members[0])
    if origin is Literal:
        return replace(option, kind=type(members[0]), allowed=members)
    return replace(option, kind=str if annotation is Path else annotation)


def _meanings(function: Callable[..., Any]) -> dict[str, str]:
    """Return the text on each option under `Args:` in the docstring, by name."""
    _, _, after = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", after)[0]
    parts = re.split(r"^    (\w+): ", section, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {name: " ".join(text.split()) for name, text in pairs}
