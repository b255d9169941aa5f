"""Read and write the plan of a grid (group.json), and make the runs that follow from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from chisel import configs, models
from chisel.configs import CheckpointError, ConfigError, RunConfig
from chisel.trainers.runs import resuming, rundir
from chisel.trainers.runs.members import Member

Plans = Mapping[str, RunConfig]
"""Latest planned config of each run, by its folder."""


def write_plans(folder: Path, plans: Plans) -> None:
    """Write the configs of all runs of a grid.

    Raises:
        CheckpointError: If the disk refuses.
    """
    plain = {"folders": list(plans), "runs": [configs.to_plain(plan) for plan in plans.values()]}
    models.write_file(folder / models.GROUP_FILE, json.dumps(plain, indent=1).encode())


def read_plans(folder: Path, only: str | None = None) -> dict[str, RunConfig]:
    """Read the configs of the runs of a grid.

    Args:
        folder: The grid's folder.
        only: Folder of the only run to read, in the grid's folder; `None` reads all.

    Raises:
        CheckpointError: If group.json is damaged.
    """
    path = folder / models.GROUP_FILE
    try:
        data = json.loads(path.read_bytes())
        # In groups of earlier versions only the seeds differ.
        names = data.get("folders") or [f"seed-{plain['seed']}" for plain in data["runs"]]
        plans = {
            str(name): configs.from_plain(plain)
            for name, plain in zip(names, data["runs"], strict=True)
            if only in (None, name)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); each run can be resumed by itself, like "
            f"`chisel resume {folder / 'seed-0'}`"
        ) from error
    if not plans and only is None:
        raise CheckpointError(f"{path} is damaged: it names no runs")
    return plans


def members_of(
    folder: Path, plans: Plans, planned: Plans, overrides: Sequence[str]
) -> list[Member]:
    """Return the runs of a grid; runs that were begun keep their own options of `trainer`.

    Args:
        folder: The grid's folder.
        plans: The grid's plan so far.
        planned: The grid's plan from now on.
        overrides: Settings that changed the plan.

    Raises:
        CheckpointError: If a run can't go on.
        ConfigError: If settings would change what is trained.
    """
    given = configs.parse_settings(overrides)
    _refuse_varied(plans, configs.flatten(given))
    for name, plan in plans.items():
        resuming.check_overrides(plan, planned[name], folder)
        own = folder / name / models.CONFIG_FILE
        frames, wanted = (
            rundir.read_config(own.parent).frames if own.is_file() else 0,
            planned[name].frames,
        )
        if frames > wanted and "frames" not in given:
            raise ConfigError(
                f"frames = {wanted}: {own.parent} is planned for {frames:,}, and the runs of a "
                f"group are trained equally long; add frames={frames}"
            )
    return [member(folder, name, planned[name], overrides) for name in planned]


def member(folder: Path, name: str, plan: RunConfig, overrides: Sequence[str]) -> Member:
    """Return a run of a grid with the config that it trains with from now on.

    Args:
        folder: The grid's folder.
        name: The run's folder in the grid's folder.
        plan: The run's planned config, with the overrides.
        overrides: Settings that replace options of a run that was begun.
    """
    settings = tuple(one for one in overrides if not one.startswith("frames="))
    if not (folder / name / models.CONFIG_FILE).is_file():
        return Member(name, folder / name, plan, settings)
    own = configs.override(rundir.read_config(folder / name), settings)
    return Member(name, folder / name, replace(own, frames=plan.frames), settings)


def _refuse_varied(plans: Plans, keys: Iterable[str]) -> None:
    """Refuse settings of options in which the runs of a grid differ."""
    every = [configs.flatten(configs.to_plain(plan)) for plan in plans.values()]
    for key in keys:
        if any(one.get(key) != every[0].get(key) for one in every):
            raise ConfigError(f"{key}: the runs of this grid differ in it, and each keeps its own")
