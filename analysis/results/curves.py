"""Reads what training logged."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chisel.configs import CheckpointError

_KEYS = ("iteration", "env_steps")


@dataclass(frozen=True)
class Curve:
    """The metrics of one run."""

    folder: Path
    env_steps: int
    """Steps reached."""
    metrics: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    """Environment steps and finite values `[T]` of each metric that has any."""


def read_curves(folder: Path) -> Curve:
    """Read a run's `metrics.csv`; empty and non-finite cells are left out.

    Raises:
        CheckpointError: If the file is not one of ours or has no row yet.
    """
    path = folder / "metrics.csv"
    points: dict[str, tuple[list[float], list[float]]] = {}
    reached = 0
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                reached = int(row["env_steps"])
                for name, text in row.items():
                    value = float(text) if name not in _KEYS and text else math.nan
                    if math.isfinite(value):
                        steps, values = points.setdefault(name, ([], []))
                        steps.append(reached)
                        values.append(value)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is not a log of metrics: {error!r}") from error
    if not points:
        raise CheckpointError(f"{path} has no row yet")
    metrics = {name: (np.array(s), np.array(v)) for name, (s, v) in points.items()}
    return Curve(folder=folder, env_steps=reached, metrics=metrics)
