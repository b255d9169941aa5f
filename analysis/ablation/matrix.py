"""Metrics with each region switched off, beside random regions of the same size.

Whatever an ablation changes could be mere damage. So every region has controls: as many units drawn
at random. All conditions play the same episodes, so that changes are paired differences.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import nn

from chisel import routing
from chisel.analysis.ablation.option import Mode
from chisel.analysis.results import (
    Estimate,
    Layouts,
    change_over_layouts,
    mean_over_layouts,
    new_table,
)

Context = Callable[[], AbstractContextManager[Any]]
Values = Mapping[str, NDArray[np.float64]]
"""By metric one value for each episode `[E]`, NaN where the metric says nothing of the episode."""
Play = Callable[[Context], Values]
"""Plays the same episodes under a context that the policy runs in; the first is without any."""
Kind = Literal["none", "region", "random", "other"]

NONE = "none"
_AMOUNTS = ("return", "length")
"""Metrics that are no shares, even if all episodes have 0 or 1 of it."""


@dataclass(frozen=True)
class Row:
    """All metrics under one ablation."""

    name: str
    """`none`, a region, `random:REGION 1`, or a combination like `cheese+corner`."""
    kind: Kind
    like: str | None
    """The region whose size a random one has."""
    metrics: dict[str, Estimate]
    change: dict[str, Estimate]
    """Of each metric from `none`, over the same episodes."""
    values: Values = field(repr=False)
    """What the metrics are means of."""

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "like": self.like,
            "metrics": {name: value.to_plain() for name, value in self.metrics.items()},
            "change": {name: value.to_plain() for name, value in self.change.items()},
        }


@dataclass(frozen=True)
class AblationMatrix:
    """Rows are ablations, columns are metrics."""

    rows: tuple[Row, ...]
    mode: Mode
    uncontrolled: Mapping[str, str]
    """Regions without random ones of their size, and why."""
    levels: int
    """Episodes that each row plays."""
    layouts: int | None
    """In how many different layouts, each of which weighs the same; None where there are none."""
    layout_of: Layouts | None = field(default=None, repr=False)
    """The layout of each value of a row `[E]`; None: each stands for itself."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.rows[0].metrics)

    def __getitem__(self, name: str) -> Row:
        """One row.

        Raises:
            KeyError: If there is none of that name.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def gap(self, metric: str, one: str, other: str) -> Estimate:
        """How much larger a metric is in one row than in another, over the same episodes."""
        return _change(self[one].values, self[other].values, self.layout_of)[metric]

    def largest_random(self, metric: str) -> Estimate | None:
        """The change, of all by random regions, that is furthest from 0; None without controls."""
        changes = [row.change[metric] for row in self.rows if row.kind == "random"]
        return max(changes, key=lambda change: abs(change.value), default=None)

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "mode": self.mode,
            "levels": self.levels,
            "layouts": self.layouts,
            "rows": [row.to_plain() for row in self.rows],
            "uncontrolled": dict(self.uncontrolled),
        }

    def table(self, title: str | None = None, *, metrics: Sequence[str] | None = None) -> Table:
        """For a terminal: each metric and its change, with 95 % intervals.

        Args:
            title: One line above.
            metrics: Which, in which order; None shows all.
        """
        shown = tuple(metrics or self.metrics)
        table = new_table(
            title=title,
            caption="value (95 % interval), and below it the change from the whole network, "
            f"over the same {self._played}"
            + "".join(f"; no control: {why}" for why in self.uncontrolled.values()),
        )
        table.add_column("without")
        for metric in shown:
            table.add_column(metric, justify="right")
        for row in self.rows:
            table.add_row(row.name, *(_cell(row, metric) for metric in shown))
        return table

    @property
    def _played(self) -> str:
        if self.layouts is None:
            return f"{self.levels:,} episodes"
        return f"{self.levels:,} levels in {self.layouts:,} layouts, each of which weighs the same"


def ablation_matrix(
    model: nn.Module,
    regions: Mapping[str, routing.Region],
    play: Play,
    *,
    layouts: Layouts | None = None,
    mode: Mode = "zero",
    record: Callable[[], object] | None = None,
    controls: int = 3,
    gates: bool = False,
    together: bool = False,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> AblationMatrix:
    """Play with nothing switched off, with each region, and with random ones of the same size.

    Args:
        model: The network that `play` runs.
        regions: By name.
        play: Plays the same episodes each time.
        layouts: Of each episode `[E]`, a number; episodes of one layout count as one. None: each
            episode counts for itself.
        mode: What is done to the units: `zero`, `mean`, `resample` or a factor.
        record: For `mean`: runs the model on what the means shall be over.
        controls: Random regions for each region.
        gates: Whether random regions silence as many units of a gate as the region does.
        together: Also switch all regions off at once.
        seed: Of the random regions, the bootstrap and `resample`.
        progress: Called with what is played, rows done and wanted.

    Returns:
        The rows `none`, each region, all together if asked for, and the random ones; regions with
        nothing to draw from have none.

    Raises:
        RoutingError: If a mode is unknown or lacks something.
    """
    drawn, uncontrolled = _random(model, regions, controls, gates, seed)
    conditions = [*_named(regions, together), *drawn]
    rows: list[Row] = []
    for number, condition in enumerate(conditions):
        if progress is not None:
            progress(condition.name, number, len(conditions))
        values = play(_context(model, condition, mode, record, seed))
        whole = rows[0].values if rows else values
        rows.append(_row(condition, values, whole, layouts, seed))
    if progress is not None:
        progress(conditions[-1].name, len(conditions), len(conditions))
    levels = len(next(iter(rows[0].values.values())))
    distinct = None if layouts is None else len(np.unique(layouts))
    return AblationMatrix(tuple(rows), mode, uncontrolled, levels, distinct, layouts)


@dataclass(frozen=True)
class _Condition:
    name: str
    kind: Kind
    regions: dict[str, routing.Region]
    like: str | None = None


def _named(regions: Mapping[str, routing.Region], together: bool) -> Iterator[_Condition]:
    yield _Condition(NONE, "none", {})
    for name, region in regions.items():
        yield _Condition(name, "region", {name: region})
    if together and len(regions) > 1:
        yield _Condition("+".join(regions), "other", dict(regions))


def _random(
    model: nn.Module,
    regions: Mapping[str, routing.Region],
    controls: int,
    gates: bool,
    seed: int,
) -> tuple[list[_Condition], dict[str, str]]:
    """The controls, and why some regions have none: a gate's single unit, for instance."""
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
    mode: Mode,
    record: Callable[[], object] | None,
    seed: int,
) -> Context:
    if not condition.regions:
        return nullcontext
    means = None
    if mode == "mean" and record is not None:
        means = routing.record_means(model, condition.regions, record)
    modes = dict.fromkeys(condition.regions, mode)

    def context() -> AbstractContextManager[None]:
        draws = torch.Generator().manual_seed(seed)
        return routing.ablate(model, condition.regions, modes, means=means, generator=draws)

    return context


def _row(
    condition: _Condition, values: Values, whole: Values, layouts: Layouts | None, seed: int
) -> Row:
    generator = np.random.default_rng(seed)
    return Row(
        name=condition.name,
        kind=condition.kind,
        like=condition.like,
        metrics={
            name: mean_over_layouts(column, layouts, generator, share=_is_share(name, column))
            for name, column in values.items()
        },
        change=_change(values, whole, layouts),
        values=values,
    )


def _change(values: Values, before: Values, layouts: Layouts | None) -> dict[str, Estimate]:
    return {
        name: change_over_layouts(
            column,
            before[name],
            layouts,
            np.random.default_rng(0),
            share=_is_share(name, column) and _is_share(name, before[name]),
        )
        for name, column in values.items()
    }


def _is_share(name: str, values: NDArray[np.float64]) -> bool:
    """Whether a metric is a yes or no about each episode."""
    return name not in _AMOUNTS and bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())


def _cell(row: Row, metric: str) -> str:
    shown = _shown(row.metrics[metric], ".2f")
    return shown if row.kind == "none" else f"{shown}\n{_shown(row.change[metric], '+.2f')}"


def _shown(value: Estimate, form: str) -> str:
    """A value and its interval; where all values are equal there may be none."""
    if np.isnan(value.low):
        return f"{value.value:{form}}"
    return f"{value.value:{form}} ({value.low:{form}}, {value.high:{form}})"
