"""Files of the study of cheese vectors, for one agent or several seeds: JSON, figures, tables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from chisel.analysis.maze import CHOICES
from chisel.analysis.maze.cheese_vector.conditions import Condition, Row, join_rows, plain_row
from chisel.analysis.maze.cheese_vector.figures import (
    choices_figure,
    curves_figure,
    seeds_figure,
    sweep_figure,
)
from chisel.analysis.maze.cheese_vector.vector import KINDS, SteeringSetup
from chisel.analysis.results import keep_tables, new_table, save_figure, write_json


@dataclass(frozen=True)
class CheeseVectorResult:
    """Results about one agent."""

    name: str
    """Name of the run if it is one of several, else empty."""
    setup: SteeringSetup
    start_gap: float
    """See `start_gap`."""
    close: list[Row]
    """Rows of `compared`."""
    rows: list[Row]
    """Rows of `sweep`."""


def write_cheese_vector(
    folder: Path,
    found: Sequence[CheeseVectorResult],
    origins: Sequence[dict[str, Any]],
    module: str,
    title: str,
) -> None:
    """Write `cheese-vector.json`, tables and figures; for several agents also their means.

    Args:
        folder: Folder of the results.
        found: Results of each agent; several agents differ only in their seed.
        origins: Provenance of each agent.
        module: The layer that `compared` looked at.
        title: Title of figures and tables.
    """
    each = [origin | _plain(one, module) for origin, one in zip(origins, found, strict=True)]
    save = functools.partial(save_figure, origin=_stamp(origins))
    if len(found) == 1:
        write_json(folder / "cheese-vector.json", each[0])
        save(choices_figure(found[0].close, title), folder / "choices.png")
        _draw_sweep(folder, found[0].rows, found[0].close[0], module, save)
        keep_tables(folder, [_table(found[0].close, title)])
        return
    close = join_rows([one.close for one in found])
    rows = join_rows([one.rows for one in found])
    joined = {
        "intervals": f"95 %, over {len(found)} training seeds",
        "module": module,
        "compared": [plain_row(row) for row in close],
        "before": plain_row(close[0]),
        "sweep": [plain_row(row) for row in rows],
        "runs": each,
    }
    write_json(folder / "cheese-vector.json", joined)
    heading = f"{title}, {len(found)} seeds"
    save(seeds_figure(close, heading), folder / "choices.png")
    for one in found:
        save(choices_figure(one.close, f"{one.name}: {title}"), folder / f"{one.name}-choices.png")
    _draw_sweep(folder, rows, close[0], module, save)
    tables = [_table(close, heading), *(_table(one.close, one.name) for one in found)]
    keep_tables(folder, tables)


def _stamp(origins: Sequence[dict[str, Any]]) -> str:
    digests = ", ".join(origin["sha256"] for origin in origins)
    return f"sha256 {digests}, {origins[0]['command']}"


def _plain(found: CheeseVectorResult, module: str) -> dict[str, Any]:
    mazes = found.setup.mazes
    return {
        "levels": [state.level_seed for state in mazes.starts],
        "decision_squares": [list(square) for square in mazes.squares],
        "module": module,
        "start_gap": found.start_gap,
        "compared": [
            plain_row(row) | {"choices": row.choices.tolist(), "mazes": row.mazes.tolist()}
            for row in found.close
        ],
        "before": plain_row(found.close[0]),
        "sweep": [plain_row(row) for row in found.rows],
    }


def _draw_sweep(
    folder: Path,
    rows: Sequence[Condition],
    before: Condition,
    module: str,
    save: Callable[[Figure, Path], object],
) -> None:
    if not rows:
        return
    heading = "Change of mean probabilities at decision squares"
    save(sweep_figure(rows, before, heading), folder / "layers.png")
    swept = [row.module for row in rows]
    shown = module if module in swept else swept[0]
    of_it = [row for row in rows if row.module == shown]
    points = sorted({float(row.coeff or 0) for row in of_it})
    panels = {
        f"P({choice})": {
            kind: [row.mean(choice) for row in of_it if row.name == kind] for kind in KINDS
        }
        for choice in CHOICES
    }
    figure = curves_figure(panels, points, f"{shown}: mean over mazes")
    save(figure, folder / "coefficients.png")


def _table(rows: Sequence[Condition], title: str) -> Table:
    table = new_table(
        title,
        "median (mean) over mazes at the decision square; means over seeds where n counts "
        "these; 95 % intervals in the JSON file",
        words=["added"],
        numbers=("n", *(f"P({choice})" for choice in CHOICES)),
    )
    for row in rows:
        cells = (f"{row.median(c).value:.3f} ({row.mean(c).value:.3f})" for c in CHOICES)
        table.add_row(row.name, str(row.count), *cells)
    return table
