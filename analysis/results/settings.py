"""Read the settings of an analysis, and check that they fit its agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chisel import configs
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.models import WEIGHTS, Agent, Loaded, Spaces, require_match, spaces_of

Settings = Mapping[str, Any] | Sequence[str]


def as_list(settings: Settings) -> list[str]:
    """Return settings as texts like `key=value`."""
    if isinstance(settings, Mapping):
        return [f"{k}={'null' if v is None else v}" for k, v in settings.items()]
    return list(settings)


def typed_source(agent: Loaded[Any]) -> str:
    """Return the path that names a network on the command line: of shipped weights their folder."""
    shipped = agent.source.name == WEIGHTS
    return str(agent.source.parent if shipped else agent.source)


def maze_run(agent: Agent, settings: Sequence[str] = ()) -> RunConfig:
    """Return a maze agent's config, with settings on `eval.*` and `env.*` applied.

    Raises:
        ConfigError: If the agent has no config, plays no maze, or a setting is not one of these.
    """
    if agent.config is None:
        raise ConfigError(f"{agent.source} carries no config; say env=EXPERIMENT, like maze/hard")
    for setting in settings:
        if not setting.startswith(("eval.", "env.")):
            raise ConfigError(f"{setting}: an evaluation takes eval.*=VALUE and env.*=VALUE")
    config = configs.override(agent.config, settings) if settings else agent.config
    if not isinstance(config.env, MazeConfig):
        name = getattr(config.env, "name", None)
        raise ConfigError(f"{agent.source} plays {name!r}; this works for maze agents")
    return config


def require_spaces(agent: Agent, env: Any) -> Spaces:
    """Return the spaces of an environment, and check that the network was made for them.

    Raises:
        CheckpointError: If they differ, with what does.
    """
    spaces = spaces_of(env)
    require_match(agent.source, agent.spaces.to_plain(), spaces.to_plain(), "environment")
    return spaces


@contextmanager
def as_config_errors() -> Iterator[None]:
    """Turn a ValueError of a library function into the user's: one line, exit code 2.

    Raises:
        ConfigError: In place of a ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from error
