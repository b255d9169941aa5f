"""Measurements of localisation: where gradients fall, and what ablations change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from chisel.analysis.ablation import AblationMatrix, over_seeds
from chisel.analysis.localization.gradient_norm import MEAN, Sides, SquaredGradientNorms
from chisel.analysis.results import Estimate, estimate_over_seeds, mean_over_seeds

Condition = Literal["without routes", "labelled", "unlabelled"]
"""Conditions of the same examples: without routes, routed by their labels, routed as unlabelled."""


@dataclass(frozen=True)
class Snapshot:
    """Squared gradient norms at one moment of a run."""

    env_steps: int
    norms: Mapping[Condition, SquaredGradientNorms]
    """Norms of the same examples under each condition."""

    def absorption(self, sides: Mapping[str, Sides]) -> dict[str, Estimate]:
        """Return the share of gradient in the own regions, by kind and for the `mean` over kinds.

        It is the share of the gradient of unlabelled examples in own and foreign regions; intervals
        are over batches.
        """
        return self.norms["unlabelled"].own_shares(sides, np.random.default_rng(0))


@dataclass(frozen=True)
class LocalizedRun:
    """The result for one run."""

    sides: Mapping[str, Sides]
    """Own and foreign regions of each kind of example."""
    snapshots: tuple[Snapshot, ...]
    """Moments of training; the last is the studied checkpoint."""
    ablation: AblationMatrix

    def to_plain(self) -> dict[str, Any]:
        """Return all numbers, by name."""
        last = self.snapshots[-1].norms
        return {
            "gradients": last,
            "absorption": self.snapshots[-1].absorption(self.sides),
            "absorption_by_layer": last["unlabelled"].own_shares_by_layer(self.sides),
            "training": [
                {
                    "env_steps": snapshot.env_steps,
                    "absorption": snapshot.absorption(self.sides),
                    "mass": snapshot.norms["unlabelled"].to_plain()["mass"],
                }
                for snapshot in self.snapshots
            ],
            "ablation": self.ablation,
        }


@dataclass(frozen=True)
class Localization:
    """The result for one run, or for several that differ in their seeds.

    Numbers are those of the run, with intervals over batches (gradients) and layouts (ablations);
    or means with intervals over seeds. All batches are from the same rollouts, so intervals over
    batches show the noise of a measure, not its variation over mazes.
    """

    runs: tuple[LocalizedRun, ...]

    @property
    def sides(self) -> Mapping[str, Sides]:
        """Own and foreign regions of each kind of example."""
        return self.runs[0].sides

    @property
    def of(self) -> str:
        """Units of the intervals, in words."""
        if len(self.runs) > 1:
            return f"{len(self.runs)} seeds"
        return "batches of the same rollouts, not over mazes"

    def steps(self) -> list[int]:
        """Return the environment steps of the moments that all runs have."""
        sets = [{snapshot.env_steps for snapshot in run.snapshots} for run in self.runs]
        return sorted(set.intersection(*sets))

    def at(self, env_steps: int | None = None) -> list[Snapshot]:
        """Return every run's snapshot at a moment; `None` is the last of each."""
        if env_steps is None:
            return [run.snapshots[-1] for run in self.runs]
        return [s for run in self.runs for s in run.snapshots if s.env_steps == env_steps]

    def absorption(self, env_steps: int | None = None) -> dict[str, Estimate]:
        """Return `Snapshot.absorption` over runs; empty if no kind has own and foreign regions."""
        if not self.sides:
            return {}
        shares = [snapshot.absorption(self.sides) for snapshot in self.at(env_steps)]
        return {kind: estimate_over_seeds([one[kind] for one in shares]) for kind in shares[0]}

    def expected(self, kind: str) -> float:
        """Return the share by size alone; for `mean` the mean of these over kinds."""
        norms = self.runs[0].snapshots[-1].norms["unlabelled"]
        kinds = list(self.sides) if kind == MEAN else [kind]
        return float(np.mean([norms.expected(self.sides[kind]) for kind in kinds]))

    @property
    def conditions(self) -> list[Condition]:
        """Conditions that differ; without rules for unlabelled examples two are the same."""
        norms = self.at()[0].norms
        same = norms["unlabelled"] is norms["without routes"]
        return [c for c in get_args(Condition) if not (same and c == "unlabelled")]

    def norms(self, condition: Condition) -> dict[str, dict[str, Estimate]]:
        """Return squared gradient norms by kind and region: means over batches and runs."""
        norms = [snapshot.norms[condition] for snapshot in self.at()]
        tables = [one.matrix() for one in norms]
        return {
            kind: {
                region: mean_over_seeds([table[k, r] for table in tables])
                for r, region in enumerate(norms[0].elements.regions)
            }
            for k, kind in enumerate(norms[0].kinds)
        }

    def by_layer(self) -> dict[str, dict[str, float]]:
        """Return absorption by layer and kind, means over runs."""
        found = [s.norms["unlabelled"].own_shares_by_layer(self.sides) for s in self.at()]
        return {
            layer: {kind: float(np.mean([one[layer][kind] for one in found])) for kind in kinds}
            for layer, kinds in found[0].items()
        }

    @property
    def ablation(self) -> AblationMatrix:
        """Ablation matrix, over seeds if there are several."""
        return over_seeds([run.ablation for run in self.runs])

    def to_plain(self) -> dict[str, Any]:
        """Return all numbers, by name: together, and `of_each` run."""
        return {
            "intervals": f"95 %, over {self.of}",
            "absorption": {
                kind: {"share": share, "by_size": self.expected(kind)}
                for kind, share in self.absorption().items()
            },
            "mass": {condition: self.norms(condition) for condition in get_args(Condition)},
            "ablation": self.ablation,
            "of_each": self.runs,
        }
