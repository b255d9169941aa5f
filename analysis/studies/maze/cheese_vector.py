"""The study `cheese-vector`: does subtracting the cheese's activations make the mouse ignore it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from chisel.analysis.evaluation import Placement, Split, held_out_levels
from chisel.analysis.maze.cheese_vector import (
    Bench,
    CheeseVectorResult,
    Row,
    bench,
    cheese_vectors,
    compared,
    start_gap,
    sweep,
    write_cheese_vector,
)
from chisel.analysis.results import (
    ProgressCallback,
    Request,
    labelled,
    maze_run,
    names_of,
    numbers,
    progress_bars,
    runs_of,
    take_agent,
)
from chisel.analysis.steering import policy_layers, shape_of
from chisel.configs import ConfigError, MazeConfig
from chisel.envs.maze import MazeState, observe_states
from chisel.models import Agent

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
        checkpoint: A run, a `.ckpt`, a folder of seeds, a shipped folder or a published `.pth`.
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
        out: Folder for the results; None is `studies/cheese-vector` of the run or group.

    Returns:
        The folder, with `cheese-vector.json`, `tables.json`, `choices.png` and, with a sweep,
        `layers.png` and `coefficients.png`. Of a folder of seeds these are means over seeds with
        intervals over them, and each seed has a `SEED-choices.png` and its numbers under `runs`.

    Raises:
        ConfigError: If a layer or option is impossible, or there are too few such mazes.
        CheckpointError: If there is no agent, or it is for another environment.
    """
    asked = Request.of(STUDY, run, locals())
    points = sorted({*numbers("coeffs", coeffs)})
    mazes = functools.partial(
        maze_states,
        levels=levels,
        split=split,
        seed=seed,
        cheese=cheese,
        orientation=orientation,
        decision=True,
    )
    runs = runs_of(checkpoint)
    found, origins = [], []
    with progress_bars() as progress:
        for path, name in zip(runs, names_of(runs), strict=True):
            agent = take_agent(path, env=env)
            config = maze_run(agent)
            modules = _layers(agent, layers, module)
            on = bench(
                agent,
                mazes(agent, config.env),
                functools.partial(observe_states, config=config.env),
            )
            own_progress = labelled(progress, name)
            found.append(_study(name, on, module, coeff, modules, points, seed, own_progress))
            origins.append(asked.provenance(agent, config, seed=seed))
    title = f"{module}, coefficient {coeff:g}: {levels} {split} mazes"
    with asked.results(asked.folder(agent)) as folder:
        write_cheese_vector(folder, found, origins, module, title)
    return folder


def _study(
    name: str,
    on: Bench,
    module: str,
    coeff: float,
    modules: Sequence[str],
    coeffs: Sequence[float],
    seed: int,
    progress: ProgressCallback,
) -> CheeseVectorResult:
    draws, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    close = compared(on, module, coeff, draws, generator)
    rows: list[Row] = []
    if modules:
        own_progress = functools.partial(progress, "layers")
        rows = sweep(on, cheese_vectors(on, modules), coeffs, generator, own_progress)
    return CheeseVectorResult(name, on, start_gap(on, module), close, rows)


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
    level_set = held_out_levels(
        agent, made, cheese, levels=levels, split=split, seed=seed, decision=decision
    )
    states = [level_set.state(number) for number in range(levels)]
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
