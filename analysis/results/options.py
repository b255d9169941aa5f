"""Read the options of imported studies, whose annotations are types of this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chisel import configs
from chisel.analysis.results.subjects import Agents, Networks
from chisel.configs import Option
from chisel.models import Agent

_LOADED: Mapping[Any, str] = {Agent: "Agent", Agents: "Agents", Networks: "Networks"}


def options_of(study: str, function: Callable[..., Any]) -> dict[str, Option]:
    """Return the options of a study by name; see `configs.options_of`."""
    return configs.options_of(study, function, _LOADED)


def options_help(study: str, function: Callable[..., Any], width: int = 80) -> str:
    """Return the help text of a study: its summary, and each option with type and default."""
    return configs.options_help(study, function, options_of(study, function), width)
