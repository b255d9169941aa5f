"""Whether routing localised: where gradients fall, now and over training, and what ablations do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from rich.table import Table

from chisel.analysis.ablation import AblationMatrix, over_seeds
from chisel.analysis.localization.gradient_norm import MEAN, Sides, SquaredGradientNorms
from chisel.analysis.results import Estimate, mean_over_seeds, new_table

Condition = Literal["without routes", "labelled", "unlabelled"]
"""How the same examples are learnt from: with plain gradients, with their labels, as unlabelled."""


@dataclass(frozen=True)
class Snapshot:
    """Where gradients fall at one moment of a run."""

    env_steps: int
    masses: Mapping[Condition, SquaredGradientNorms]
    """Of the same examples under each condition."""

    def absorption(self, sides: Mapping[str, Sides]) -> dict[str, Estimate]:
        """By kind, and for their `mean`: of the mass that examples without a label send into the
        regions on both sides, the share in their kind's own; intervals over batches.
        """
        return self.masses["unlabelled"].own_shares(sides, np.random.default_rng(0))


@dataclass(frozen=True)
class LocalizedRun:
    """One run."""

    origin: Mapping[str, Any]
    """Checkpoint, digest, steps, seed, command, config."""
    sides: Mapping[str, Sides]
    """By kind of example, its own and foreign regions."""
    snapshots: tuple[Snapshot, ...]
    """Over training; the last is of the checkpoint that is studied."""
    ablation: AblationMatrix

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        last = self.snapshots[-1].masses
        return {
            **self.origin,
            "gradients": {condition: mass.to_plain() for condition, mass in last.items()},
            "absorption": _plain(self.snapshots[-1].absorption(self.sides)),
            "absorption_by_layer": {
                layer: {kind: _known(share) for kind, share in shares.items()}
                for layer, shares in last["unlabelled"].own_shares_by_layer(self.sides).items()
            },
            "training": [
                {
                    "env_steps": snapshot.env_steps,
                    "absorption": _plain(snapshot.absorption(self.sides)),
                    "mass": snapshot.masses["unlabelled"].to_plain()["mass"],
                }
                for snapshot in self.snapshots
            ],
            "ablation": self.ablation.to_plain(),
        }


@dataclass(frozen=True)
class Localization:
    """One run, or several that differ in their seeds.

    Numbers are those of the run, with intervals over batches (gradients) and layouts (ablations);
    or means with intervals over seeds. All batches are of the same rollouts, so their intervals say
    how steady a measure is, not what other mazes would give.
    """

    runs: tuple[LocalizedRun, ...]

    @property
    def sides(self) -> Mapping[str, Sides]:
        """By kind of example, its own and foreign regions."""
        return self.runs[0].sides

    @property
    def of(self) -> str:
        """What intervals are over."""
        if len(self.runs) > 1:
            return f"{len(self.runs)} seeds"
        return "batches of the same rollouts, not over mazes"

    def steps(self) -> list[int]:
        """Environment steps of the moments that all runs have."""
        sets = [{snapshot.env_steps for snapshot in run.snapshots} for run in self.runs]
        return sorted(set.intersection(*sets))

    def at(self, env_steps: int | None = None) -> list[Snapshot]:
        """Every run's snapshot at a moment; None is each one's last."""
        if env_steps is None:
            return [run.snapshots[-1] for run in self.runs]
        return [s for run in self.runs for s in run.snapshots if s.env_steps == env_steps]

    def absorption(self, env_steps: int | None = None) -> dict[str, Estimate]:
        """See `Snapshot.absorption`; empty if no rule and no name tells regions apart."""
        if not self.sides:
            return {}
        return _together([snapshot.absorption(self.sides) for snapshot in self.at(env_steps)])

    def expected(self, kind: str) -> float:
        """The share by size alone, or for `mean` the mean of these."""
        mass = self.runs[0].snapshots[-1].masses["unlabelled"]
        kinds = list(self.sides) if kind == MEAN else [kind]
        return float(np.mean([mass.expected(self.sides[kind]) for kind in kinds]))

    @property
    def conditions(self) -> list[Condition]:
        """Those that differ: unlabelled examples may be learnt from as if nothing were routed."""
        masses = self.at()[0].masses
        same = masses["unlabelled"] is masses["without routes"]
        return [c for c in get_args(Condition) if not (same and c == "unlabelled")]

    def masses(self, condition: Condition) -> dict[str, dict[str, Estimate]]:
        """By kind and region, the mass of gradients: sums of squares, means over batches."""
        masses = [snapshot.masses[condition] for snapshot in self.at()]
        tables = [mass.matrix() for mass in masses]
        return {
            kind: {
                region: mean_over_seeds([table[k, r] for table in tables])
                for r, region in enumerate(masses[0].elements.regions)
            }
            for k, kind in enumerate(masses[0].kinds)
        }

    def by_layer(self) -> dict[str, dict[str, float]]:
        """Absorption by layer and kind: means over runs."""
        found = [s.masses["unlabelled"].own_shares_by_layer(self.sides) for s in self.at()]
        return {
            layer: {kind: float(np.mean([one[layer][kind] for one in found])) for kind in kinds}
            for layer, kinds in found[0].items()
        }

    @property
    def ablation(self) -> AblationMatrix:
        """The ablation matrix, over seeds if there are several."""
        return over_seeds([run.ablation for run in self.runs])

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "intervals": f"95 %, over {self.of}",
            "absorption": {
                kind: {"share": share.to_plain(), "by_size": self.expected(kind)}
                for kind, share in self.absorption().items()
            },
            "mass": {
                condition: {kind: _plain(row) for kind, row in self.masses(condition).items()}
                for condition in get_args(Condition)
            },
            "ablation": self.ablation.to_plain(),
            "runs": [run.to_plain() for run in self.runs],
        }


def gradient_norm_table(localization: Localization) -> Table:
    """For a terminal: whose gradient falls where."""
    table = new_table(
        "gradient mass: sums of squared gradients by kind of example and region",
        "on rollouts of the agent itself; a 0 is exact",
    )
    table.add_column("examples")
    table.add_column("learnt from")
    for region in localization.at()[0].masses["labelled"].elements.regions:
        table.add_column(region, justify="right")
    for condition in localization.conditions:
        plain = condition == "without routes" and "unlabelled" not in localization.conditions
        for kind, row in localization.masses(condition).items():
            how = f"{condition}, or unlabelled" if plain else condition
            table.add_row(kind, how, *(f"{mass.value:.3g}" for mass in row.values()))
    return table


def absorption_table(localization: Localization, shuffled: Localization | None) -> Table:
    """For a terminal: absorption at the beginning and at the end of training."""
    table = new_table(
        "absorption: of unlabelled examples' gradient in own and foreign regions, the share in own",
        f"95 % intervals over {localization.of}; a region that attracts more of everything raises "
        "one kind's share as it lowers the other's, so look at the mean",
    )
    steps = localization.steps()
    columns: list[tuple[str, Callable[[str], str]]] = [
        ("by size", lambda kind: f"{localization.expected(kind):.2f}"),
        (f"at {steps[0]:,}", _cells(localization.absorption(steps[0]))),
        (f"at {steps[-1]:,}", _cells(localization.absorption(steps[-1]))),
    ]
    if shuffled is not None:
        columns.append(("shuffled labels", _cells(shuffled.absorption())))
    table.add_column("kind")
    for name, _ in columns:
        table.add_column(name, justify="right")
    for kind in (*localization.sides, MEAN):
        table.add_row(kind, *(shown(kind) for _, shown in columns))
    return table


def _cells(shares: Mapping[str, Estimate]) -> Callable[[str], str]:
    return lambda kind: _shown(shares[kind], 2) if kind in shares else "-"


def _shown(share: Estimate, digits: int) -> str:
    if np.isnan(share.value):
        return "-"
    if np.isnan(share.low):
        return f"{share.value:.{digits}f}"
    return f"{share.value:.{digits}f} ({share.low:.{digits}f}, {share.high:.{digits}f})"


def _together(shares: Sequence[Mapping[str, Estimate]]) -> dict[str, Estimate]:
    return {kind: _seeds([one[kind] for one in shares]) for kind in shares[0]}


def _seeds(estimates: Sequence[Estimate]) -> Estimate:
    """A lone run keeps its own interval."""
    if len(estimates) == 1:
        return estimates[0]
    values = [estimate.value for estimate in estimates]
    return mean_over_seeds(values, within=estimates[0].within)


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.to_plain() for name, estimate in estimates.items()}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
