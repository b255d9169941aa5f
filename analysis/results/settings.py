"""Read the arguments of an analysis: agents by path, settings as `key=value`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chisel import configs
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.models import (
    WEIGHTS,
    Agent,
    Loaded,
    Spaces,
    holds_agent,
    load_agent,
    require_match,
    spaces_of,
)

Settings = Mapping[str, Any] | Sequence[str]


def as_list(settings: Settings) -> list[str]:
    """Return settings as texts like `key=value`."""
    if isinstance(settings, Mapping):
        return [f"{k}={'null' if v is None else v}" for k, v in settings.items()]
    return list(settings)


def numbers(key: str, text: str) -> list[float]:
    """Read an option that lists numbers, in the order given.

    Raises:
        ConfigError: If one is no number, or not finite.
    """
    try:
        found = [float(part) for part in str(text).split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise ConfigError(
            f"{key}={text}: finite numbers with commas, like .5,1 (separated by commas, not blanks)"
        )
    return found


def runs_of(checkpoint: Path | str) -> list[Path]:
    """Return the runs of a group of seeds, by seed; for any other path the path alone."""
    path = Path(checkpoint)
    if holds_agent(path):
        return [path]
    seeds = [one for one in path.glob("seed-*") if holds_agent(one)]
    return sorted(seeds, key=lambda one: (len(one.name), one.name)) or [path]


def names_of(runs: Sequence[Path]) -> list[str]:
    """Return names for the runs of a group, like `seed-0`; an empty one for a lone run."""
    return [""] if len(runs) == 1 else [path.name for path in runs]


@contextmanager
def naming(run: str) -> Iterator[None]:
    """Put the name of a run before the message of a ConfigError that is raised within the context.

    Args:
        run: Name as `names_of` gives it; nothing is added for a lone run.
    """
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{run}: {error}" if run else str(error)) from error


def take_agent(agent: Agent | Path | str, *, env: str | None) -> Agent:
    """Return an agent, loaded if a path was given.

    Args:
        agent: An agent, a run, a checkpoint, a shipped folder or a published `.pth`.
        env: For published weights, the experiment whose environment they play in.

    Raises:
        CheckpointError: If there is no agent.
        ConfigError: If `env` is given where the agent has a config of its own.
    """
    if not isinstance(agent, Loaded):
        return load_agent(agent, experiment_env=env)
    if env is not None:
        raise ConfigError(f"env={env} is for published .pth files")
    return agent


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


def check_at_least(least: int, **given: int) -> None:
    """Check that options are large enough.

    Raises:
        ConfigError: If one is not.
    """
    for key, value in given.items():
        if value < least:
            raise ConfigError(f"{key}={value}: must be at least {least}")
