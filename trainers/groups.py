"""Several seeds of one experiment in one folder, summarised with confidence intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import analysis
import configs
from configs import CheckpointError, ConfigError, RunConfig
from trainers import run, rundir

GROUP_FILE = rundir.GROUP_FILE
SUMMARY = "studies/compare"
"""Where a group's curves and final numbers are, with intervals over its seeds."""


def train_seeds(seeds: Sequence[RunConfig]) -> Path:
    """Train one run per config, which differ in their seeds only, one after the other.

    Returns:
        The group's folder, with `seed-<n>/` for each run and a summary over the seeds.

    Raises:
        ConfigError: the name is taken, two configs share a seed, or several devices are asked for.
        CheckpointError: the disk refuses.
    """
    numbers = [config.seed for config in seeds]
    if len(set(numbers)) != len(numbers):
        raise ConfigError(f"seed: each seed once, please; got {','.join(map(str, numbers))}")
    if seeds[0].trainer.devices * seeds[0].trainer.num_nodes > 1:
        raise ConfigError("seed: with several devices, start one run for each seed")
    first, folder = rundir.claim(seeds[0])
    plain = [configs.to_plain(replace(config, name=first.name)) for config in seeds]
    try:
        rundir.write(folder / GROUP_FILE, json.dumps({"runs": plain}, indent=1))
    except CheckpointError:
        rundir.discard_unused(folder)  # or the name would be taken
        raise
    return resume_group(folder)


def is_group(folder: Path) -> bool:
    """Whether a folder holds several seeds."""
    return (folder / GROUP_FILE).is_file()


def resume(folder: str | Path, overrides: Sequence[str] = ()) -> Path:
    """Go on with a run, or with every unfinished seed of a group.

    Raises:
        CheckpointError: no run, or none of its checkpoints is valid.
        ConfigError: an override would change what is being trained.
    """
    path = Path(folder)
    return resume_group(path, overrides) if is_group(path) else run.resume(path, overrides)


def resume_group(folder: Path, overrides: Sequence[str] = ()) -> Path:
    """Train the seeds that are not finished; those that are stay as they are."""
    runs = json.loads((folder / GROUP_FILE).read_text())["runs"]
    with rundir.lock(folder):
        for plain in runs:
            config = configs.from_plain(plain)
            member = folder / f"seed-{config.seed}"
            if (member / rundir.CONFIG_FILE).is_file():
                run.resume(member, overrides)
            else:
                run.train_in(member, configs.override(config, overrides))
        analysis.compare([folder], out=folder / SUMMARY)
    return folder
