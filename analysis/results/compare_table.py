"""Runs side by side, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from chisel.analysis.results.estimates import Estimate
from chisel.analysis.results.tables import new_table

if TYPE_CHECKING:
    from chisel.analysis.results.comparison import Line

FEW_SEEDS = 5
"""Fewer than so many seeds are shown one by one: an interval of so few says little."""


def compare_table(
    lines: Sequence[Line],
    differing: Sequence[str],
    p: Mapping[str, float],
    metrics: Mapping[str, str],
) -> Table:
    """One column per run or group.

    Args:
        lines: Runs and groups.
        differing: Settings in which their evaluations are not alike.
        p: By number, see `Comparison.p`; another column if there is any.
        metrics: Which last values are shown, and their words.
    """
    table = new_table(caption=_caption(lines, differing, p))
    table.add_column("")
    for line in lines:
        table.add_column(line.label, justify="right", overflow="fold")
    if p:
        table.add_column("p", justify="right")
    table.add_row("seeds", *(str(line.seeds) for line in lines))
    table.add_row("environment steps", *map(_steps, lines))
    for name, words in metrics.items():
        if any(name in line.last for line in lines):
            cells = (_cell(line, name, line.last.get(name)) for line in lines)
            table.add_row(f"last {words}", *cells, *_p(p, name))
    for name in sorted({name for line in lines for name in line.evaluation}):
        cells = (_cell(line, name, line.evaluation.get(name)) for line in lines)
        of = "cheese " if ": " in name else ""
        table.add_row(f"{of}{name}", *cells, *_p(p, name))
    for key in differing:
        values = (" or ".join(line.settings.get(key, ["-"])) for line in lines)
        table.add_row(f"evaluated with {key}", *values)
    return table


def _caption(lines: Sequence[Line], differing: Sequence[str], p: Mapping[str, float]) -> str:
    parts = []
    if any(line.seeds > 1 for line in lines):
        parts.append(
            "of several seeds: mean over seeds, with the seeds themselves if fewer than "
            f"{FEW_SEEDS}, else with a 95 % interval over seeds"
        )
    if any(line.seeds == 1 and line.evaluation for line in lines):
        parts.append(
            "of one run: its evaluation with a 95 % interval over the n that it played, which says "
            "nothing of another run"
        )
    if differing:
        parts.append(f"NOT EVALUATED ALIKE: {', '.join(differing)} differ, as shown below")
    if p:
        parts.append(
            "p: exact, the share of all ways to deal the seeds to the two groups that set their "
            "means as far apart"
        )
    return "\n".join([*parts, *(note for line in lines for note in line.notes)])


def _steps(line: Line) -> str:
    if line.env_steps == max(line.steps):
        return f"{line.env_steps:,}"
    return f"{line.env_steps:,} (the longest {max(line.steps):,})"


def _cell(line: Line, name: str, estimate: Estimate | None) -> str:
    """The value, with what it was estimated from."""
    if estimate is None:
        return "-"
    value = f"{estimate.value:.3g}"
    if line.seeds == 1:
        played = f", n = {estimate.n:,}" if name in line.evaluation else ""
        return value + _ends(estimate) + played
    missing = f" [{estimate.n} of {line.seeds}]" if estimate.n < line.seeds else ""
    if 1 < estimate.n < FEW_SEEDS:
        return f"{value}: {', '.join(f'{one:.3g}' for one in line.of_seeds[name])}{missing}"
    return value + _ends(estimate) + missing


def _ends(estimate: Estimate) -> str:
    return "" if np.isnan(estimate.low) else f" ({estimate.low:.3g}, {estimate.high:.3g})"


def _p(p: Mapping[str, float], name: str) -> tuple[str, ...]:
    return (f"{p[name]:.3g}",) if name in p else ()
