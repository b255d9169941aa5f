"""Help texts on studies, wrapped to the terminal's width."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from chisel.configs import registry
from chisel.configs.errors import ConfigError
from chisel.configs.studies.options import Option, as_typed, options_of
from chisel.configs.studies.source import MARKERS, UnreadableError, read_function

_ANY, _NOTHING = "that need an agent of any world", "that need nothing"
_LANGUAGE = "that need a language model"
_AGENTS = {"maze": "that need an agent of the maze", "safelife": "that need an agent of SafeLife"}
_ALONE = {
    "gridworld": "of gridworlds, without an agent",
    "oversight": "of diamond and ghost, without an agent",
    "safelife": "of SafeLife, without an agent",
    "stories": "that train language models",
}
"""Ends of headings by world, for studies that take a `checkpoint` (`_AGENTS`) and for studies that
take neither `checkpoint` nor `model` (`_ALONE`)."""
_LOADED = {marker: name for name, marker in MARKERS.items()}


def study_options(study: str) -> dict[str, Option]:
    """Return a study's options by name, without importing it.

    Raises:
        ConfigError: If there is no such study, or a command line cannot give one of its options.
        UnreadableError: If the options cannot be read without importing the study.
    """
    return options_of(study, _read(study), _LOADED)


def study_help(study: str, width: int) -> str:
    """Return `options_help` on a study, without importing it.

    Raises:
        ConfigError: As for `study_options`.
        UnreadableError: As for `study_options`.
    """
    return options_help(study, _read(study), study_options(study), width)


def studies_by_need() -> dict[str, dict[str, str]]:
    """Return the summaries of all studies by name, grouped by what a study needs."""
    groups: dict[str, dict[str, str]] = {}
    for name in registry.names("study"):
        need, summary = _need_and_summary(name)
        groups.setdefault(need, {})[name] = summary
    first = {_ANY: 0, _NOTHING: 3} | dict.fromkeys(_ALONE.values(), 2)
    return {need: groups[need] for need in sorted(groups, key=lambda one: (first.get(one, 1), one))}


def options_help(
    study: str, function: Callable[..., Any], options: Mapping[str, Option], width: int
) -> str:
    """Return help on a study: a description, and each option with its type, default and meaning."""
    needed = [f"{one.name}={one.name.upper()}" for one in options.values() if one.needed]
    about, _, _ = (inspect.getdoc(function) or "").partition("\n\nArgs:\n")
    lines = [" ".join(["usage: chisel study", study, *needed, "[key=value …]"])]
    for paragraph in about.strip().split("\n\n"):
        lines += ["", *textwrap.wrap(paragraph, width)]
    lines += ["", "options:"]
    for option in options.values():
        none = option.needed or option.default in (None, "")
        shown = option.name if none else f"{option.name}={as_typed(option.default)}"
        lines += _wrapped(f"{shown}  ({option.takes})", width, 2, 4)
        lines += _wrapped(option.meaning, width, 6, 6)
    return "\n".join(lines)


def _read(study: str) -> Callable[..., Any]:
    return read_function(registry.get("study", study).path)


def _wrapped(text: str, width: int, first: int, others: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * first,
        subsequent_indent=" " * others,
        break_on_hyphens=False,
    )


def _need_and_summary(study: str) -> tuple[str, str]:
    try:
        component = registry.get("study", study)
        options = set(study_options(study))
    except UnreadableError:
        options = {"checkpoint"}
    except ConfigError as error:
        return "that can't be loaded", f"({error})"
    world = component.world
    if "model" in options:
        need = _LANGUAGE
    elif "checkpoint" in options:
        need = _ANY if world is None else _AGENTS.get(world, f"that need an agent of {world}")
    else:
        need = _NOTHING if world is None else _ALONE.get(world, f"of {world}, without an agent")
    return need, component.summary
