"""The study `cheese-vector`: choices of the mouse with the cheese vector added or subtracted."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from chisel.analysis.evaluation import Placement, Split
from chisel.analysis.maze import held_out_states
from chisel.analysis.maze.cheese_vector import (
    CheeseVectorResult,
    Row,
    SteeringSetup,
    cheese_vectors,
    compared,
    start_gap,
    steering_setup,
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
from chisel.configs import MazeConfig
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
    """Add the cheese vector at every layer, and measure where the mouse turns at decision squares.

    Each maze's vector is taken once, at its start square: activations with the cheese minus those
    without. It is compared with random vectors of the same length, its own numbers shuffled, the
    mean of other mazes' vectors, those of another maze with the cheese in the same cell, nearby and
    elsewhere, and really removing the cheese. Choose module and coefficient on validation mazes,
    and report on test mazes with layers=none.

    Args:
        checkpoint: A run, a `.ckpt`, a folder of seeds, a shipped folder or a published `.pth`.
        module: The layer at which vectors are compared.
        coeff: Factor that they are multiplied by before they are added there.
        layers: Layers of the sweep: all on which the policy depends, none, or names separated by
            commas.
        coeffs: Coefficients of the sweep, separated by commas.
        levels: Number of held-out mazes, each with a decision square.
        split: Split that the layouts come from.
        cheese: Place of the cheese: as in training, or anywhere.
        orientation: Side that the mouse faces.
        seed: Seed of the mazes and of everything that is drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/cheese-vector` of the run or group.

    Returns:
        The folder, with `cheese-vector.json`, `tables.json`, `choices.png` and, with a sweep,
        `layers.png` and `coefficients.png`. For a folder of seeds these are means over seeds with
        intervals, and each seed has a `SEED-choices.png` and its numbers under `runs`.

    Raises:
        ConfigError: If a layer or option is impossible, or there are too few such mazes.
        CheckpointError: If there is no agent, or it is for another environment.
    """
    asked = Request.of(STUDY, run, locals())
    points = sorted({*numbers("coeffs", coeffs)})
    runs = runs_of(checkpoint)
    found, origins = [], []
    with progress_bars() as progress:
        for path, name in zip(runs, names_of(runs), strict=True):
            agent = take_agent(path, env=env)
            config = maze_run(agent)
            modules = _layers(agent, layers, module)
            states = _mazes(agent, config.env, cheese, orientation, levels, split, seed)
            observe = functools.partial(observe_states, config=config.env)
            setup = steering_setup(agent, states, observe)
            own_progress = labelled(progress, name)
            found.append(_study(name, setup, module, coeff, modules, points, seed, own_progress))
            origins.append(asked.provenance(agent, config, seed=seed))
    title = f"{module}, coefficient {coeff:g}: {levels} {split} mazes"
    with asked.results(asked.folder(agent)) as folder:
        write_cheese_vector(folder, found, origins, module, title)
    return folder


def _study(
    name: str,
    setup: SteeringSetup,
    module: str,
    coeff: float,
    modules: Sequence[str],
    coeffs: Sequence[float],
    seed: int,
    progress: ProgressCallback,
) -> CheeseVectorResult:
    draws, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    close = compared(setup, module, coeff, draws, generator)
    rows: list[Row] = []
    if modules:
        vectors = cheese_vectors(setup, modules)
        rows = sweep(setup, vectors, coeffs, generator, functools.partial(progress, "layers"))
    return CheeseVectorResult(name, setup, start_gap(setup, module), close, rows)


def _mazes(
    agent: Agent,
    config: MazeConfig,
    placement: Placement,
    orientation: Literal["left", "right"],
    levels: int,
    split: Split,
    seed: int,
) -> list[MazeState]:
    """Return held-out mazes with a decision square, the mouse facing one side."""
    states = held_out_states(
        agent, config, placement, levels=levels, split=split, seed=seed, decision=True
    )
    for state in states:
        state.is_reflected = orientation == "right"
    return states


def _layers(agent: Agent, layers: str, module: str) -> list[str]:
    """Return the layers of the sweep, and check every name, also that of `module`."""
    shape_of(agent, module)
    if layers == "none":
        return []
    if layers == "all":
        return policy_layers(agent)
    names = layers.split(",")
    for name in names:
        shape_of(agent, name)
    return names
