"""Scale penalties to a given mean, so that two methods penalise equally much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from chisel.configs import ConfigError
from chisel.trainers.logging.csv_log import CsvLog
from chisel.trainers.runs import rundir

COLUMN = "aup/penalty"
"""Name of the metric with a rollout's mean penalty, after scaling and before the weight."""


class PenaltyMean:
    """Scales penalties by the target divided by the mean unscaled penalty of all steps so far.

    The factor is one number for a whole rollout. It uses the mean over all steps, not over the
    rollout, so that an agent that learns to avoid the penalty is penalised less.

    Args:
        target: Wanted mean penalty per step, above 0.
    """

    def __init__(self, target: float) -> None:
        self.target, self._total, self._steps = target, 0.0, 0

    def __call__(self, penalties: Tensor) -> Tensor:
        """Return the scaled penalties `[B]` of a rollout, after adding them to the mean."""
        self._total += float(penalties.double().sum())
        self._steps += len(penalties)
        return penalties * self.factor

    @property
    def factor(self) -> float:
        """Present factor of penalties; 0 if all penalties so far were 0."""
        return self.target * self._steps / self._total if self._total else 0.0

    def get_state(self) -> dict[str, float]:
        """Return the target and the sums so far."""
        return {"target": self.target, "total": self._total, "steps": self._steps}

    def set_state(self, state: Mapping[str, float]) -> None:
        """Go on from `get_state`."""
        self.target, self._total = state["target"], state["total"]
        self._steps = int(state["steps"])


def recorded_mean(run: str) -> float:
    """Return the mean penalty per step of a finished run, from its metrics.csv.

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
    charged = [row[COLUMN] for row in rows if COLUMN in row]
    if not sum(charged):
        raise ConfigError(
            f"algo.penalty_like = {run}: its metrics.csv has no penalty ({COLUMN}) above 0; give "
            "the folder of a run of algo.name=deep-aup that reached its agent's phase"
        )
    return sum(charged) / len(charged)
