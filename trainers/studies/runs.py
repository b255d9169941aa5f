"""Plan runs over seeds for a study, and train each of them once."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from chisel import configs, models
from chisel.analysis.results import as_typed
from chisel.configs import ConfigError, RunConfig
from chisel.trainers.runs import rundir
from chisel.trainers.runs.run import resume, train

K = TypeVar("K")
T = TypeVar("T")

_LIMITS = ("threads", "max_minutes", "progress")
"""Options of `trainer` that a study may change when it goes on with a run."""
_IRRELEVANT = {"name", "runs_dir", "tracking", *(f"trainer.{key}" for key in _LIMITS)}
"""Parts of a config that don't change what is trained."""


def split_settings(text: str) -> list[str]:
    """Split the option `settings` at spaces, as a shell does.

    Raises:
        ConfigError: If a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"settings={text}: {error}") from error


def plan_runs(
    experiment: str,
    seeds: Iterable[int],
    settings: str,
    *,
    runs_dir: str,
    world: str | None = None,
    prefix: str = "",
) -> list[RunConfig]:
    """Make the config of each seed's run, named `seed-N`, or `WORLD-seed-N` in a gridworld.

    Args:
        experiment: Name of the experiment.
        seeds: Seeds of the runs.
        settings: Overrides, separated by spaces.
        runs_dir: Folder of the runs.
        world: Value of `env.world`; `None` leaves it to the experiment.
        prefix: Prefix of the names, for experiments that run with several settings.

    Raises:
        ConfigError: If the experiment or a setting is unknown.
    """
    fixed = [f"runs_dir={runs_dir}", "tracking.mode=disabled"]
    fixed += [] if world is None else [f"env.world={world}"]
    fixed += split_settings(settings)
    prefix += "" if world is None else f"{world}-"
    return [
        configs.load(experiment, [*fixed, f"seed={seed}", f"name={prefix}seed-{seed}"])
        for seed in seeds
    ]


def measure_runs(
    plans: Mapping[K, Sequence[RunConfig]], measure: Callable[[Path], T], *, train: bool = True
) -> dict[K, list[T]]:
    """Train missing runs, and measure every run.

    Args:
        plans: Configs of the runs, by group.
        measure: Function that measures a finished run, given its folder.
        train: Whether to train; otherwise only finished runs are measured.

    Returns:
        Results of `measure` by group, in the order of the plans; groups without runs are left out.

    Raises:
        ConfigError: If a run was trained with other settings or stopped, or none is finished.
    """
    planned = [(key, config) for key, some in plans.items() for config in some]
    for _, config in planned:
        require_same(config)
    found: dict[K, list[T]] = {}
    for key, config in planned:
        folder = run_folder(config)
        if train:
            _finish(config)
        if train or is_finished(config):
            found.setdefault(key, []).append(measure(folder))
        elif folder.is_dir():
            print(f"warning: {folder} is not finished; train=true goes on with it", file=sys.stderr)
    if not found:
        where = planned[0][1].runs_dir
        raise ConfigError(f"runs_dir={where}: no runs there; train=true trains them")
    return found


def config_of(config: RunConfig | None, source: object) -> RunConfig:
    """Return a config after checking that it has an environment.

    Args:
        config: The config of an agent, or None.
        source: Name of the agent, for the message.

    Raises:
        ConfigError: If there is no config, or it has no environment.
    """
    if config is None or config.env is None:
        raise ConfigError(f"{source} did not learn in an environment; this needs an agent that did")
    return config


def run_folder(config: RunConfig) -> Path:
    """Return the folder of the run of a config, which need not exist."""
    return Path(config.runs_dir) / config.experiment / str(config.name)


def require_same(config: RunConfig) -> None:
    """Check that the run of a config, if it exists, was trained with the config's settings.

    Raises:
        ConfigError: If it was not; the message names the first setting that differs.
    """
    folder = run_folder(config)
    if not (folder / models.CONFIG_FILE).is_file():
        return
    found, wanted = (_trained(one) for one in (rundir.read_config(folder), config))
    for key in sorted(found.keys() | wanted.keys()):
        there, asked = found.get(key), wanted.get(key)
        if there != asked and not (key == "init_from" and _same_file(there, asked)):
            raise ConfigError(
                f"{folder} was trained with other settings: {key}={as_typed(there)}, not "
                f"{key}={as_typed(asked)}; another folder, runs_dir=FOLDER, trains anew"
            )


def is_finished(config: RunConfig) -> bool:
    """Return whether the run of a config has a checkpoint of its last planned iteration."""
    folder = run_folder(config)
    if not folder.is_dir() or rundir.never_saved(folder, config.trainer.checkpoint_every):
        return False
    each = configs.iteration_size(config) or 1
    return (models.load(folder).env_steps or 0) >= config.frames // each * each


def _finish(config: RunConfig) -> None:
    """Train a run, or go on with it, unless it is finished.

    Raises:
        ConfigError: If it was stopped.
    """
    folder = run_folder(config)
    if not (folder / models.CONFIG_FILE).is_file():
        train(config)
    elif not is_finished(config):
        limits = {key: getattr(config.trainer, key) for key in _LIMITS}
        if config.trainer.threads is None:
            del limits["threads"]  # the run keeps the number that it began with
        resume(folder, [f"trainer.{key}={as_typed(value)}" for key, value in limits.items()])
    if not is_finished(config):
        raise ConfigError(f"{folder} is not finished; the same command goes on with it")


def _trained(config: RunConfig) -> dict[str, Any]:
    """Return the settings that change what is trained, by their dotted keys."""
    flat = configs.flatten(configs.to_plain(config))
    return {k: v for k, v in flat.items() if not _IRRELEVANT & {k, k.partition(".")[0]}}


def _same_file(one: str | None, other: str | None) -> bool:
    return None not in (one, other) and Path(str(one)).resolve() == Path(str(other)).resolve()
