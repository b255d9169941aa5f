"""The study `cheese-vector`: does subtracting the cheese's activations make the mouse ignore it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.table import Table

from analysis.figures import save_figure
from analysis.held_out import Placement, Split, held_out_levels
from analysis.output import provenance, show, study_command, study_folder, write_json
from analysis.settings import maze_run, numbers, take_agent
from analysis.steering.cheese import (
    KINDS,
    Bench,
    Row,
    bench,
    cheese_vectors,
    compared,
    start_gap,
    sweep,
)
from analysis.steering.crossroads import CHOICES
from analysis.steering.figures import choices_figure, curves_figure, sweep_figure
from analysis.steering.making import policy_layers
from analysis.steering.vectors import shape_of
from configs import ConfigError, MazeConfig
from envs.maze import MazeState, observe_states
from models import Agent

STUDY = "cheese-vector"
COEFFS = "-2,-1,-0.5,0.5,1"


def run(
    *,
    checkpoint: Path | str,
    module: str = "embedder.block2.res1.resadd",
    coeff: float = -1.0,
    layers: str = "all",
    coeffs: str = COEFFS,
    levels: int = 100,
    split: Literal["all", "train", "validation", "test"] = "validation",
    cheese: Literal["as-trained", "anywhere"] = "anywhere",
    orientation: Literal["left", "right"] = "left",
    seed: int = 0,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Add the cheese vector at every layer, and see where the mouse turns at decision squares.

    Each maze's vector is taken once, at its start square: activations with the cheese minus those
    without. Beside it: random vectors of the same length, its own numbers shuffled, the mean of
    other mazes' vectors, those of another maze with the cheese in the same cell, nearby and
    elsewhere, and really removing the cheese. Choose module and coefficient on validation mazes;
    report them on test, with layers=none.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        module: The layer that is looked at closely.
        coeff: How often its vector is added there.
        layers: Layers of the sweep: all on which the policy depends, none, or names with commas.
        coeffs: Coefficients of the sweep.
        levels: Held-out mazes, each with a decision square.
        split: Which layouts.
        cheese: Where it lies: as in training, or anywhere.
        orientation: Which way the mouse faces.
        seed: Which mazes of the split, and of everything drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/cheese-vector` of the run.

    Returns:
        The folder, with `cheese-vector.json`, `choices.png` and, with a sweep, `layers.png` and
        `coefficients.png`.

    Raises:
        ConfigError: If a layer or option is impossible, or there are too few such mazes.
        CheckpointError: If there is no agent, or it is for another environment.
    """
    points = sorted({*numbers("coeffs", coeffs)})
    agent = take_agent(checkpoint, env=env)
    config = maze_run(agent)
    modules = _layers(agent, layers, module)
    states = maze_states(agent, config.env, levels, split, seed, cheese, orientation, decision=True)
    on = bench(agent, states, functools.partial(observe_states, config=config.env))
    draws, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    close = compared(on, module, coeff, draws, generator)
    rows = sweep(on, cheese_vectors(on, modules), points, generator) if modules else []
    words: dict[str, Any] = {"module": module, "coeff": coeff, "layers": layers, "coeffs": coeffs}
    words |= {"levels": levels, "split": split, "cheese": cheese, "orientation": orientation}
    words |= {"seed": seed, "env": env}
    command = study_command(STUDY, words, checkpoint)
    folder = study_folder(agent, STUDY, out)
    data = provenance(agent, config, seed=seed, command=command) | _plain(on, module, close, rows)
    write_json(folder / f"{STUDY}.json", data)
    _draw(folder, close, rows, module, f"sha256 {agent.digest}, {command}")
    show(_table(close, f"{module}, coefficient {coeff:g}: {len(on.mazes)} {split} mazes"))
    return folder


def maze_states(
    agent: Agent,
    config: MazeConfig,
    levels: int,
    split: Split,
    seed: int,
    cheese: Placement,
    orientation: Literal["left", "right"],
    *,
    decision: bool,
) -> list[MazeState]:
    """Held-out mazes at their first moment.

    Raises:
        ConfigError: If there are too few.
        CheckpointError: If the agent is for another environment.
    """
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    made = dataclasses.replace(config, goals="cheese") if not decision else config
    bank = held_out_levels(
        agent, made, cheese, levels=levels, split=split, seed=seed, decision=decision
    )
    states = [bank.state(number) for number in range(levels)]
    for state in states:
        state.is_reflected = orientation == "right"
    return states


def _layers(agent: Agent, layers: str, module: str) -> list[str]:
    """The layers of the sweep; every name is checked, that of the one looked at too."""
    shape_of(agent, module)
    if layers == "none":
        return []
    if layers == "all":
        return policy_layers(agent)
    names = layers.split(",")
    for name in names:
        shape_of(agent, name)
    return names


def _plain(on: Bench, module: str, close: Sequence[Row], rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "levels": [state.level_seed for state in on.mazes.starts],
        "decision_squares": [list(square) for square in on.mazes.squares],
        "module": module,
        "start_gap": start_gap(on, module),
        "compared": [
            row.to_plain() | {"choices": row.choices.tolist(), "mazes": row.mazes.tolist()}
            for row in close
        ],
        "before": close[0].to_plain(),
        "sweep": [row.to_plain() for row in rows],
    }


def _draw(
    folder: Path, close: Sequence[Row], rows: Sequence[Row], module: str, origin: str
) -> None:
    title = f"{module}, coefficient {close[1].coeff:g}"
    save_figure(choices_figure(close, title), folder / "choices.png", origin)
    if not rows:
        return
    before = close[0]
    heading = "Change of mean probabilities at decision squares"
    save_figure(sweep_figure(rows, before, heading), folder / "layers.png", origin)
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
    save_figure(figure, folder / "coefficients.png", origin)


def _table(rows: Sequence[Row], title: str) -> Table:
    table = Table(
        title=title,
        caption="median (mean) at the decision square; 95 % intervals of means in the JSON file",
        box=None,
    )
    table.add_column("added")
    for column in ("n", *(f"P({choice})" for choice in CHOICES)):
        table.add_column(column, justify="right")
    for row in rows:
        cells = (f"{row.median(c).value:.3f} ({row.mean(c).value:.3f})" for c in CHOICES)
        table.add_row(row.name, str(len(row.mazes)), *cells)
    return table
