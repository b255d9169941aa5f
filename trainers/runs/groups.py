"""Several seeds of one experiment in one folder, summarised with confidence intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chisel import configs
from chisel.analysis.results import compare
from chisel.configs import CheckpointError, ChiselError, ConfigError, RunConfig
from chisel.trainers.runs import launching, resuming, run, rundir

SUMMARY = "studies/compare"
"""Folder of a group's curves and final numbers, with intervals over its seeds."""


def train_seeds(seeds: Sequence[RunConfig]) -> Path:
    """Train one run per config, one after the other; the configs differ in their seeds only.

    Returns:
        The group's folder, with `seed-<n>/` for each run and a summary over the seeds.

    Raises:
        ConfigError: The name is taken, two configs share a seed, or several devices are asked for.
        CheckpointError: The disk refuses.
    """
    numbers = [config.seed for config in seeds]
    if len(set(numbers)) != len(numbers):
        raise ConfigError(f"seed: each seed once, please; got {','.join(map(str, numbers))}")
    if seeds[0].trainer.devices * seeds[0].trainer.num_nodes > 1:
        raise ConfigError("seed: with several devices, start one run for each seed")
    with launching.process_of(seeds[0].trainer):
        first, folder = rundir.create(seeds[0])
        try:
            _write_plans(folder, [replace(config, name=first.name) for config in seeds])
            return resume_group(folder)
        except ChiselError:  # not after Ctrl-C: it can be resumed
            rundir.discard_unused(folder)
            raise


def resume(folder: str | Path, overrides: Sequence[str] = ()) -> Path:
    """Go on with a run, or with every unfinished seed of a group.

    Raises:
        CheckpointError: There is no run, or none of its checkpoints is valid or fits.
        ConfigError: An override would change what is trained, or how long a single seed of a group
            is trained.
    """
    path = Path(folder)
    if rundir.is_group(path):
        return resume_group(path, overrides)
    frames = configs.parse_settings(overrides).get("frames")
    if rundir.is_group(path.parent) and frames is not None:
        raise ConfigError(
            f"frames: {path} is one of the seeds of {path.parent}, which are trained equally long; "
            f"resume all of them with `chisel resume {path.parent} frames={frames}`"
        )
    return run.resume(path, overrides)


def resume_group(folder: Path, overrides: Sequence[str] = ()) -> Path:
    """Train the seeds that are not finished.

    All seeds are checked before one is trained, and all are trained equally long.

    Raises:
        CheckpointError: group.json is damaged, or a seed can't go on.
        ConfigError: As for `resume`.
    """
    plans = _read_plans(folder)
    planned = [configs.override(plan, overrides) for plan in plans]
    begun = False

    def begin() -> None:
        nonlocal begun
        begun = True
        if planned != plans:
            _write_plans(folder, planned)

    with rundir.lock(folder):
        members = _members(folder, plans, planned, overrides)
        for member, config in members.items():
            if (member / rundir.CONFIG_FILE).is_file():
                run.resume_as(member, config, begin=begin)
            else:
                run.train_in(member, config, begin=begin)
        if begun or not (folder / SUMMARY).is_dir():
            compare([folder], out=folder / SUMMARY)
    return folder


def _members(
    folder: Path,
    plans: Sequence[RunConfig],
    planned: Sequence[RunConfig],
    overrides: Sequence[str],
) -> dict[Path, RunConfig]:
    """Return each seed's folder and config; a seed that was begun keeps its own trainer options."""
    members, asked = {}, "frames" in configs.parse_settings(overrides)
    for old, new in zip(plans, planned, strict=True):
        resuming.check_overrides(old, new, folder)
        member = folder / f"seed-{new.seed}"
        members[member] = new
        if (member / rundir.CONFIG_FILE).is_file():
            own = rundir.read_config(member)
            if own.frames > new.frames and not asked:
                raise ConfigError(
                    f"frames = {new.frames}: {member} is planned for {own.frames:,}, and the seeds "
                    f"of a group are trained equally long; add frames={own.frames}"
                )
            members[member] = replace(configs.override(own, overrides), frames=new.frames)
            run.check_resume(member, members[member])
    return members


def _read_plans(folder: Path) -> list[RunConfig]:
    """Read the configs of all seeds as they were last planned."""
    path = folder / rundir.GROUP_FILE
    try:
        plans = [configs.from_plain(plain) for plain in json.loads(path.read_bytes())["runs"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); each seed can be resumed by itself, like "
            f"`chisel resume {folder / 'seed-0'}`"
        ) from error
    if not plans:
        raise CheckpointError(f"{path} is damaged: it names no runs")
    return plans


def _write_plans(folder: Path, plans: Sequence[RunConfig]) -> None:
    plain = {"runs": [configs.to_plain(plan) for plan in plans]}
    rundir.write(folder / rundir.GROUP_FILE, json.dumps(plain, indent=1))
