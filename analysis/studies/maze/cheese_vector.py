"""The study `cheese-vector`: measure the mouse's choices under the cheese vector."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from chisel.analysis.evaluation import Placement, Split, maze_run
from chisel.analysis.maze import CHOICES, Orientation, held_out_states
from chisel.analysis.maze.cheese_vector import (
    KINDS,
    LAYER,
    Condition,
    Row,
    SteeringSetup,
    cheese_vectors,
    choices_figure,
    choices_frame,
    compared,
    join_rows,
    plain_row,
    seeds_figure,
    start_gap,
    steering_setup,
    sweep,
    sweep_figure,
)
from chisel.analysis.results import Agents, Count, DataTable, ProgressCallback, Result, Seed
from chisel.analysis.steering import curves_figure, named_layers
from chisel.envs.maze import observe_states
from chisel.models import Agent


@dataclass(frozen=True)
class _Choices:
    """Choices of one agent's mouse."""

    setup: SteeringSetup
    start_gap: float
    """Result of `start_gap`."""
    close: list[Row]
    """Rows of `compared`."""
    rows: list[Row]
    """Rows of `sweep`."""


def run(
    checkpoint: Agents,
    *,
    module: str = LAYER,
    coeff: float = -1.0,
    layers: tuple[str, ...] = ("all",),
    coeffs: tuple[float, ...] = (-2.0, -1.0, -0.5, 0.5, 1.0),
    levels: Count = 100,
    split: Split = "validation",
    cheese: Placement = "anywhere",
    orientation: Orientation = "left",
    seed: Seed = 0,
) -> Result:
    """Add the cheese vector at every layer, and measure the mouse's choice at decision squares.

    Each maze's vector is taken once, at its start square: activations with the cheese minus those
    without. It is compared with random vectors of the same length; with its own numbers shuffled;
    with the mean of other mazes' vectors; with vectors of another maze whose cheese is in the same
    cell, nearby or elsewhere; and with really removing the cheese. Choose module and coefficient on
    validation mazes, and report on test mazes with layers=none.

    Args:
        checkpoint: A maze agent.
        module: The layer at which vectors are compared.
        coeff: Factor by which vectors are multiplied before they are added there.
        layers: Layers of the sweep: all (on which the policy depends), none, or names.
        coeffs: Coefficients of the sweep.
        levels: Number of held-out mazes, each with a decision square.
        split: Split that the layouts come from.
        cheese: Place of the cheese: as in training, or anywhere.
        orientation: Side that the mouse faces.
        seed: Seed of the mazes and of all draws.

    Returns:
        The choices by the vector that was added, in a table and a figure (`choices`) and, with a
        sweep, by layer and coefficient (`layers`, `coefficients`). For several seeds there are
        means over them with intervals, and tables and figures of each seed's choices.

    Raises:
        ConfigError: If a layer is unknown, or there are too few such mazes.
        CheckpointError: If an agent is for another environment.
    """

    def measure(agent: Agent, progress: ProgressCallback) -> _Choices:
        config, _ = maze_run(agent).env, named_layers(agent, [module])
        modules = [] if list(layers) == ["none"] else named_layers(agent, layers)
        states = held_out_states(
            agent, config, cheese, levels=levels, split=split, seed=seed, decision=True
        )
        for state in states:
            state.is_reflected = orientation == "right"
        setup = steering_setup(agent, states, functools.partial(observe_states, config=config))
        generator = torch.Generator().manual_seed(seed)
        close = compared(setup, module, coeff, np.random.default_rng(seed), generator)
        rows: list[Row] = []
        if modules:
            vectors, bar = cheese_vectors(setup, modules), functools.partial(progress, "layers")
            rows = sweep(setup, vectors, sorted(coeffs), generator, bar)
        return _Choices(setup, start_gap(setup, module), close, rows)

    title = f"{module}, coefficient {coeff:g}: {levels} {split} mazes"
    found = checkpoint.each(measure)
    each = [_result(one, module, title) for one in found]
    if len(each) == 1:
        return _with_sweep(each[0], found[0].rows, found[0].close[0], module, "mazes")
    close, rows = (join_rows([getattr(one, name) for one in found]) for name in ("close", "rows"))
    heading = f"{title}, {len(found)} seeds"
    joined = Result(
        data={
            "intervals": f"95 %, over {len(found)} training seeds",
            "module": module,
            "compared": [plain_row(row) for row in close],
            "before": plain_row(close[0]),
            "sweep": [plain_row(row) for row in rows],
        },
        tables={"compared": _table(close, heading, "seeds")},
        figures={"choices": seeds_figure(close, heading)},
    ).with_seeds(dict(zip(checkpoint.names, each, strict=True)))
    return _with_sweep(joined, rows, close[0], module, f"{len(found)} training seeds")


def _result(found: _Choices, module: str, title: str) -> Result:
    """Return the numbers of one agent, and a table and a figure of the comparison."""
    mazes = found.setup.mazes
    return Result(
        data={
            "levels": [state.level_seed for state in mazes.starts],
            "decision_squares": mazes.squares,
            "module": module,
            "start_gap": found.start_gap,
            "compared": [
                plain_row(row) | {"choices": row.choices, "mazes": row.mazes} for row in found.close
            ],
            "before": plain_row(found.close[0]),
            "sweep": [plain_row(row) for row in found.rows],
        },
        tables={"compared": _table(found.close, title, "mazes")},
        figures={"choices": choices_figure(found.close, title)},
        frames={"choices": choices_frame(found.close)},
    )


def _with_sweep(
    result: Result, rows: Sequence[Condition], before: Condition, module: str, over: str
) -> Result:
    """Return a result with the figures of a sweep added, if there was one."""
    if not rows:
        return result
    swept = [row.module for row in rows]
    shown = module if module in swept else swept[0]
    of_it = [row for row in rows if row.module == shown]
    panels = {
        f"P({choice})": {
            kind: [row.over_mazes["mean"][choice] for row in of_it if row.name == kind]
            for kind in KINDS
        }
        for choice in CHOICES
    }
    points = sorted({float(row.coeff or 0) for row in of_it})
    figures: dict[str, Figure] = {
        "layers": sweep_figure(rows, before, "Change of mean probabilities at decision squares"),
        "coefficients": curves_figure(panels, points, f"{shown}: mean over mazes", over=over),
    }
    return replace(result, figures={**result.figures, **figures})


def _table(rows: Sequence[Condition], title: str, over: str) -> DataTable:
    cells: list[dict[str, Any]] = [
        {"added": row.name, "over mazes": statistic, over: row.count}
        | {f"P({choice})": row.over_mazes[statistic][choice] for choice in CHOICES}
        for row in rows
        for statistic in ("median", "mean")
    ]
    return DataTable(
        title,
        cells,
        caption=f"at the decision square, with 95 % intervals over {over}",
        form=".3f",
    )
