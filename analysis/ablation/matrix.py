"""Measure metrics with each region ablated, beside random regions of the same size.

A change by an ablation could be mere damage. So every region has controls, which have the same
number of random units. All conditions play the same episodes, so that changes are paired
differences.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn

from chisel import routing
from chisel.analysis.ablation.option import Ablation
from chisel.analysis.results import (
    DataTable,
    Estimate,
    ProgressCallback,
    Range,
    change_over_layouts,
    estimate_over_seeds,
    footnote_on_equal,
    mean_over_layouts,
)

Context = Callable[[], AbstractContextManager[Any]]
Play = Callable[[Context], pd.DataFrame]
"""Function that plays the same episodes each time, with the policy in the given context. It returns
a row for each episode; metrics that have no value for an episode are NaN."""
Kind = Literal["none", "region", "random"]

NONE = "none"


@dataclass(frozen=True)
class Row:
    """All metrics under one ablation."""

    name: str
    """Name of the ablation: `none`, a region, or `random:REGION 1`."""
    kind: Kind
    like: str | None
    """Region whose size a random region has."""
    metrics: dict[str, Estimate]
    change: dict[str, Estimate]
    """Change of each metric from the row `none`, over the same episodes."""
    values: pd.DataFrame = field(repr=False)
    """Episodes over which the metrics are means."""

    @property
    def label(self) -> str:
        """Words for a figure, like `without corner`."""
        if self.kind == "none":
            return "whole network"
        return f"without {self._words}"

    @property
    def _words(self) -> str:
        if self.kind == "random":
            return f"random {self.name.rpartition(' ')[2]}, size of {self.like}"
        return "nothing" if self.kind == "none" else self.name


@dataclass(frozen=True)
class AblationMatrix:
    """Metrics under several ablations: a row for each ablation, a column for each metric."""

    mode: routing.Mode
    levels: int
    """Number of episodes that each row plays."""
    layouts: int | None
    """Number of different units, such as layouts of mazes, each of which has the same weight;
    `None` if each episode is a unit."""
    rows: tuple[Row, ...]
    uncontrolled: Mapping[str, str]
    """Reason why there are no random regions of its size, by region."""
    unit: str = field(repr=False)
    """Name of the units."""
    spared: bool = field(default=False, repr=False)
    """Whether regions contain units of gates, while the random ones contain none."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(self.rows[0].metrics)

    def __getitem__(self, name: str) -> Row:
        """Return one row.

        Raises:
            KeyError: If there is none of that name.
        """
        return {row.name: row for row in self.rows}[name]

    def table(self, title: str) -> DataTable:
        """Return, for each ablation, a row of metrics and a row of their changes."""
        rows: list[dict[str, Any]] = []
        for row in self.rows:
            rows.append({"without": row.name, "shown": "value", **row.metrics})
            if row.kind != "none":
                rows.append({"without": row.name, "shown": "change", **row.change})
        words = {row.name: row._words for row in self.rows}
        return DataTable(title, rows, "; ".join(filter(None, self._footnotes())), words=words)

    def _footnotes(self) -> Iterator[str]:
        yield "95 % intervals"
        yield f"change: from the whole network, over the same {self._played}"
        if any(row.kind == "random" for row in self.rows):
            yield "random N, size of REGION: as many units as REGION has, drawn at random"
            if self.spared:
                yield (
                    "random units are none of a gate, though regions have some: gates=true draws "
                    "these, too"
                )
        for why in self.uncontrolled.values():
            yield f"no random control: {why}"
        measured = [row for row in self.rows if len(row.values)]
        shown = [row.metrics for row in measured]
        shown += [row.change for row in measured if row.kind != "none"]
        yield footnote_on_equal(one for kind in shown for one in kind.values())

    @property
    def _played(self) -> str:
        if self.layouts is None:
            return f"{self.levels:,} episodes"
        units = f"{self.layouts:,} {self.unit}s"
        return f"{self.levels:,} levels in {units}, each of which weighs the same"


def ablation_matrix(
    model: nn.Module,
    regions: Mapping[str, routing.Region],
    play: Play,
    *,
    metrics: Mapping[str, Range | None],
    unit: str = "episode",
    mode: routing.Mode = "zero",
    record: Callable[[Mapping[str, routing.Region]], routing.Means] | None = None,
    controls: int = 3,
    gates: bool = False,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> AblationMatrix:
    """Play with the whole network, without each region, and without random regions of its size.

    Args:
        model: Network that `play` runs.
        regions: Regions by name.
        play: Function that plays the same episodes each time.
        metrics: Range of each metric by name; `None` if it is not known. Metrics without a value
            for any episode are left out.
        unit: Column of the result of `play` whose equal values count as one unit, such as `layout`;
            without such a column, each episode is a unit.
        mode: Mode of the ablation: `zero`, `mean`, `resample` or a factor.
        record: For `mean`, function that records the mean activations of regions.
        controls: Number of random regions for each region.
        gates: Whether random regions contain as many units of gates as the region, or none.
        seed: Seed of the random regions, the bootstrap and `resample`.
        progress: Called with the name of the row played, rows done and wanted.

    Returns:
        The rows `none`, each region, and the random regions; there are none for a region without
        enough other units.

    Raises:
        RoutingError: If a mode is unknown, or `mean` lacks `record`.
    """
    drawn, uncontrolled = _random(model, regions, controls, gates, seed)
    named = [_Condition(name, "region", {name: region}) for name, region in regions.items()]
    conditions = [_Condition(NONE, "none", {}), *named, *drawn]
    rows: list[Row] = []
    for number, condition in enumerate(conditions):
        if progress is not None:
            progress(condition.name, number, len(conditions))
        table = play(_context(model, condition, mode, record, seed))
        whole = rows[0].values if rows else table
        said = {name: within for name, within in metrics.items() if whole[name].notna().any()}
        rows.append(_row(condition, table, whole, said, unit, seed))
    if progress is not None:
        progress(conditions[-1].name, len(conditions), len(conditions))
    whole = rows[0].values
    distinct = whole[unit].nunique() if unit in whole else None
    spared = not gates and any(map(routing.has_units_of_gates, regions.values()))
    return AblationMatrix(mode, len(whole), distinct, tuple(rows), uncontrolled, unit, spared)


def over_seeds(matrices: Sequence[AblationMatrix]) -> AblationMatrix:
    """Return means over runs, with intervals over them; return a single matrix unchanged.

    Each run counts with its own estimate, so `values` of a row has one entry per run. The units of
    random regions of the same number differ from run to run.

    Args:
        matrices: Matrices of runs that differ in their seed only.
    """
    if len(matrices) == 1:
        return matrices[0]
    rows = [_row_over_seeds([m[row.name] for m in matrices]) for row in matrices[0].rows]
    return dataclasses.replace(matrices[0], rows=tuple(rows))


def paired_difference(
    matrices: Sequence[AblationMatrix], others: Sequence[AblationMatrix]
) -> AblationMatrix:
    """Return the metrics of runs minus those of other runs, pair by pair, as means over the pairs.

    The two runs of a pair have things in common, such as the seed of their weights and mazes, so
    the interval is narrower than that of two means. A single pair has no interval. The result has
    the rows and the metrics that both runs have.

    Args:
        matrices: Matrices of runs that differ in their seed only.
        others: Matrices of the other run of each pair, in the same order.

    Raises:
        ValueError: If the two have different lengths.
    """
    return over_seeds([_minus(one, two) for one, two in zip(matrices, others, strict=True)])


def _minus(matrix: AblationMatrix, other: AblationMatrix) -> AblationMatrix:
    beside = {row.name: row for row in other.rows}
    rows = [
        dataclasses.replace(
            row,
            metrics=_differences(row.metrics, beside[row.name].metrics),
            change=_differences(row.change, beside[row.name].change),
            values=pd.DataFrame(),
        )
        for row in matrix.rows
        if row.name in beside
    ]
    return dataclasses.replace(matrix, rows=tuple(rows))


def _differences(
    first: Mapping[str, Estimate], second: Mapping[str, Estimate]
) -> dict[str, Estimate]:
    found = {}
    for name in (one for one in first if one in second):
        one, two = first[name], second[name]
        ranges = None
        if one.within and two.within:
            ranges = (one.within[0] - two.within[1], one.within[1] - two.within[0])
        found[name] = Estimate(one.value - two.value, np.nan, np.nan, one.n, ranges)
    return found


@dataclass(frozen=True)
class _Condition:
    name: str
    kind: Kind
    regions: dict[str, routing.Region]
    like: str | None = None


def _random(
    model: nn.Module,
    regions: Mapping[str, routing.Region],
    controls: int,
    gates: bool,
    seed: int,
) -> tuple[list[_Condition], dict[str, str]]:
    """Draw controls; return them, and the reasons why some regions have none."""
    generator = torch.Generator().manual_seed(seed)
    conditions, uncontrolled = [], {}
    for name, number in itertools.product(regions, range(1, controls + 1)):
        try:
            drawn = routing.random_like(regions, name, model, generator, gates=gates)
        except routing.RoutingError as error:
            uncontrolled[name] = str(error)
            continue
        label = f"random:{name} {number}"
        conditions.append(_Condition(label, "random", {drawn.name: drawn}, like=name))
    return conditions, uncontrolled


def _context(
    model: nn.Module,
    condition: _Condition,
    mode: routing.Mode,
    record: Callable[[Mapping[str, routing.Region]], routing.Means] | None,
    seed: int,
) -> Context:
    if not condition.regions:
        return nullcontext
    means = record(condition.regions) if mode == "mean" and record is not None else None
    modes = dict.fromkeys(condition.regions, mode)
    return Ablation(model, condition.regions, modes, seed, means)


def _row(
    condition: _Condition,
    table: pd.DataFrame,
    whole: pd.DataFrame,
    metrics: Mapping[str, Range | None],
    unit: str,
    seed: int,
) -> Row:
    units = table[unit].to_numpy() if unit in table else None
    draws, values, change = np.random.default_rng(seed), {}, {}
    for name, within in metrics.items():
        after, before = table[name].to_numpy(), whole[name].to_numpy()
        values[name] = mean_over_layouts(after, units, draws, within=within)
        own = np.random.default_rng(0)
        change[name] = change_over_layouts(after, before, units, own, within=within)
    return Row(condition.name, condition.kind, condition.like, values, change, table)


def _row_over_seeds(rows: Sequence[Row]) -> Row:
    names = [name for name in rows[0].metrics if all(name in row.metrics for row in rows)]
    return dataclasses.replace(
        rows[0],
        metrics={name: estimate_over_seeds([row.metrics[name] for row in rows]) for name in names},
        change={name: estimate_over_seeds([row.change[name] for row in rows]) for name in names},
        values=pd.DataFrame({k: [row.metrics[k].value for row in rows] for k in names}),
    )
