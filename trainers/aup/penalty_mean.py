"""Scale penalties to a given mean, so that two methods penalise equally much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from chisel.configs import ConfigError
from chisel.trainers.logging.csv_log import CsvLog
from chisel.trainers.runs import rundir

COLUMN, WEIGHT = "aup/penalty", "aup/lambda"
"""Metrics with a rollout's mean penalty, after scaling and before the weight λ, and with λ."""
MOST = 10.0
"""Largest factor of a rollout, as a multiple of the one that all penalties so far ask for."""


class PenaltyMean:
    """Scales penalties so that all that is charged, weighted by λ, has a given mean.

    What is charged for a step is λ times its penalty, and λ grows during training. So the sum of
    all charges is kept at the target times the sum of λ: one factor for each rollout makes up for
    what earlier rollouts charged too little or too much. It is at most `MOST` times the factor that
    the mean of all unscaled penalties asks for, because an agent that learnt to avoid the penalty
    should not be charged enormously for a single step.

    Args:
        target: Wanted mean penalty per step, weighted by λ, above 0.
    """

    def __init__(self, target: float) -> None:
        self.target = target
        self.factor = 0.0
        """Factor of the last rollout that had a penalty."""
        self._wanted = self._unscaled = self._charged = 0.0

    def __call__(self, penalties: Tensor, weight: float) -> Tensor:
        """Return the scaled penalties `[B]` of a rollout with λ = `weight`."""
        unscaled = weight * float(penalties.double().sum())
        self._wanted += weight * self.target * len(penalties)
        self._unscaled += unscaled
        if unscaled:
            missing = max(0.0, self._wanted - self._charged) / unscaled
            self.factor = min(missing, MOST * self._wanted / self._unscaled)
        self._charged += self.factor * unscaled
        return penalties * self.factor

    def get_state(self) -> dict[str, float]:
        """Return the target, the last factor and the sums so far."""
        return {
            "target": self.target,
            "factor": self.factor,
            "wanted": self._wanted,
            "unscaled": self._unscaled,
            "charged": self._charged,
        }

    def set_state(self, state: Mapping[str, float]) -> None:
        """Go on from `get_state`."""
        self.target, self.factor = state["target"], state["factor"]
        self._wanted, self._unscaled = state["wanted"], state["unscaled"]
        self._charged = state["charged"]


def recorded_mean(run: str) -> float:
    """Return the mean penalty per step of a finished run, weighted by λ, from its metrics.csv.

    Args:
        run: Folder of the run.

    Raises:
        CheckpointError: If there is no such run.
        ConfigError: If the run is not finished, or had no penalty.
    """
    frames = rundir.read_config(Path(run)).frames
    rows = CsvLog(Path(run) / "metrics.csv", last_iteration=0).rows()
    done = int(rows[-1]["env_steps"]) if rows else 0
    if rows and done + rows[0]["env_steps"] <= frames:
        raise ConfigError(
            f"algo.penalty_like = {run}: has trained {done:,} of {frames:,} frames; finish it "
            f"first, with `chisel resume {run}`"
        )
    agents = [row for row in rows if COLUMN in row]
    charged = sum(row[COLUMN] * row[WEIGHT] for row in agents)
    if not charged:
        raise ConfigError(
            f"algo.penalty_like = {run}: its metrics.csv has no penalty ({COLUMN}) above 0; give "
            "the folder of a run of algo.name=deep-aup that reached its agent's phase"
        )
    return charged / sum(row[WEIGHT] for row in agents)
