"""What studies that train share: plans of runs over seeds, and runs trained once."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chisel import configs, models
from chisel.analysis.results import as_typed
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent
from chisel.trainers.runs import rundir
from chisel.trainers.runs.run import resume, train

_LIMITS = ("threads", "max_minutes", "progress")
"""Options of `trainer` that a study may set anew when it goes on with a run."""
_IRRELEVANT = {"name", "runs_dir", "tracking", *(f"trainer.{key}" for key in _LIMITS)}
"""Parts of a config that don't change what is trained."""


def seeds_of(text: str) -> list[int]:
    """Parse the seeds that an option lists.

    Raises:
        ConfigError: One is no whole number from 0, or is listed twice: it would count twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(f"seeds={text}: whole numbers with commas between, like 5,6,7")
    found = [int(part) for part in parts]
    if len(set(found)) < len(found):
        raise ConfigError(f"seeds={text}: each seed once, please")
    return found


def require_positive(**options: int) -> None:
    """Check that options of a study are at least 1.

    Raises:
        ConfigError: One is not.
    """
    for name, value in options.items():
        if value < 1:
            raise ConfigError(f"{name}={value}: must be at least 1")


def plan_runs(
    experiment: str, seeds: str, settings: str, *, runs_dir: str, world: str | None = None
) -> list[RunConfig]:
    """Make the config of each seed's run, named `seed-N`, or `WORLD-seed-N` in a gridworld.

    Args:
        experiment: Name of the experiment.
        seeds: Seeds with commas between.
        settings: Overrides, separated by spaces.
        runs_dir: Where the runs are, or will be.
        world: Value of `env.world`; `None` leaves it to the experiment.

    Raises:
        ConfigError: Something is unknown, or a seed is listed twice.
    """
    fixed = [f"runs_dir={runs_dir}", "tracking.mode=disabled"]
    fixed += [] if world is None else [f"env.world={world}"]
    fixed += shlex.split(settings)
    prefix = "" if world is None else f"{world}-"
    return [
        configs.load(experiment, [*fixed, f"seed={seed}", f"name={prefix}seed-{seed}"])
        for seed in seeds_of(seeds)
    ]


def config_of(agent: Agent) -> RunConfig:
    """Return the config of an agent's run.

    Raises:
        ConfigError: It is not known, or is of no environment.
    """
    if agent.config is None or agent.config.env is None:
        raise ConfigError(f"{agent.source} did not learn in an environment; this is for agents")
    return agent.config


def regions_of(agent: Agent) -> Mapping[str, Any]:
    """Return the regions that an agent was trained with.

    Raises:
        ConfigError: There are none.
    """
    if not agent.regions:
        raise ConfigError(f"{agent.source} has no regions: it was trained without routing.regions")
    return agent.regions


def run_folder(config: RunConfig) -> Path:
    """Return where the run of a config is, or will be."""
    return Path(config.runs_dir) / config.experiment / str(config.name)


def trained(config: RunConfig, *, option: str) -> Path:
    """Train a run, or go on with it, unless it is finished; return its folder.

    Args:
        config: The run's config, with a name.
        option: The option of the study that names another folder for runs.

    Raises:
        ConfigError: A run of that name was trained with other settings, or was stopped.
    """
    folder = run_folder(config)
    if not (folder / rundir.CONFIG_FILE).is_file():
        train(config)
    else:
        require_same(folder, config, option=option)
        if not is_finished(folder, config):
            limits = {key: getattr(config.trainer, key) for key in _LIMITS}
            resume(folder, [f"trainer.{key}={as_typed(value)}" for key, value in limits.items()])
    if not is_finished(folder, config):
        raise ConfigError(f"{folder} has not come to its end; the same command goes on with it")
    return folder


def require_same(folder: Path, config: RunConfig, *, option: str) -> None:
    """Check that a run was trained as a config says, however far.

    Raises:
        ConfigError: It was not; the message names the first setting that differs.
    """
    found, wanted = (_trained(one) for one in (rundir.read_config(folder), config))
    for key in sorted(found.keys() | wanted.keys()):
        there, asked = found.get(key), wanted.get(key)
        if there != asked and not (key == "init_from" and _same_file(there, asked)):
            raise ConfigError(
                f"{folder} was trained with other settings: {key}={as_typed(there)}, not "
                f"{key}={as_typed(asked)}; {option}=FOLDER, another one, trains anew"
            )


def is_finished(folder: Path, config: RunConfig) -> bool:
    """Whether a run's last checkpoint is that of its last planned iteration."""
    if rundir.never_saved(folder, config.trainer.checkpoint_every):
        return False
    each = int(config.algo.num_steps * config.env.num_envs)
    return (models.load_agent(folder).env_steps or 0) >= config.frames // each * each


def _trained(config: RunConfig) -> dict[str, Any]:
    """Return the settings that change what is trained, by their dotted keys."""
    flat = configs.flatten(configs.to_plain(config))
    return {k: v for k, v in flat.items() if not _IRRELEVANT & {k, k.partition(".")[0]}}


def _same_file(one: str | None, other: str | None) -> bool:
    return None not in (one, other) and Path(str(one)).resolve() == Path(str(other)).resolve()
