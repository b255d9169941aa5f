"""Several seeds of one experiment in one folder, summarised with confidence intervals."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import configs
from analysis import mean_over_seeds
from configs import ConfigError, RunConfig
from trainers import run, rundir

GROUP_FILE = "group.json"
SUMMARY_FILE = "summary.json"


def train_seeds(seeds: Sequence[RunConfig]) -> Path:
    """Train one run per config, which differ in their seeds only, one after the other.

    Returns:
        The group's folder: `seed-<n>/` for each run and `summary.json`.

    Raises:
        ConfigError: the name is taken or two configs share a seed.
    """
    numbers = [config.seed for config in seeds]
    if len(set(numbers)) != len(numbers):
        raise ConfigError(f"seed: each seed once, please; got {','.join(map(str, numbers))}")
    first, folder = rundir.claim(seeds[0])
    plain = [configs.to_plain(replace(config, name=first.name)) for config in seeds]
    (folder / GROUP_FILE).write_text(json.dumps({"runs": plain}, indent=1))
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
        summary = summarise(folder)
        part = folder / f".{SUMMARY_FILE}.part"
        part.write_text(json.dumps(summary, indent=1))
        os.replace(part, folder / SUMMARY_FILE)
    return folder


def summarise(folder: Path) -> dict[str, Any]:
    """Last logged value of every metric, with mean and 95 % t-interval over the seeds."""
    last = {
        member.name: _last_row(member / "metrics.csv") for member in sorted(folder.glob("seed-*"))
    }
    names = sorted(set.intersection(*(set(row) for row in last.values())))
    metrics: dict[str, Any] = {}
    for name in names:
        values = [row[name] for row in last.values()]
        metrics[name] = mean_over_seeds(values).to_plain() | {"seeds": values}
    return {"runs": list(last), "metrics": metrics}


def _last_row(path: Path) -> dict[str, float]:
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {name: float(value) for name, value in rows[-1].items() if value}
