"""Read the settings of an analysis, and check that they fit its agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chisel.configs import ConfigError
from chisel.models import Agent, Spaces, require_match, spaces_of

Settings = Mapping[str, Any] | Sequence[str]


def as_list(settings: Settings) -> list[str]:
    """Return settings as texts like `key=value`."""
    if isinstance(settings, Mapping):
        return [f"{k}={'null' if v is None else v}" for k, v in settings.items()]
    return list(settings)


def require_spaces(agent: Agent, env: Any) -> Spaces:
    """Return the spaces of an environment, and check that the network was made for them.

    Raises:
        CheckpointError: If the spaces differ; the message says in what.
    """
    spaces = spaces_of(env)
    require_match(agent.source, agent.spaces.to_plain(), spaces.to_plain(), "environment")
    return spaces


@contextmanager
def as_config_errors(kind: type[ValueError] = ValueError) -> Iterator[None]:
    """Replace errors of library functions by errors for users: one line, exit code 2.

    Args:
        kind: Class of the errors that are replaced; others pass.

    Raises:
        ConfigError: In place of an error of that class.
    """
    try:
        yield
    except kind as error:
        raise ConfigError(str(error)) from error
