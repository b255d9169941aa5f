"""The study `steering-vector`: a file with the difference of activations between two sets."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor

from chisel.analysis.evaluation import Split, action_probabilities
from chisel.analysis.interventions import add, intervene
from chisel.analysis.maze import StatePair, held_out_states, with_and_without
from chisel.analysis.maze.cheese_vector import curves_figure
from chisel.analysis.results import (
    Estimate,
    Request,
    bootstrap_mean,
    maze_run,
    new_table,
    numbers,
    save_figure,
    show,
    take_agent,
    write_json,
)
from chisel.analysis.steering import (
    SteeringVector,
    check_observations,
    difference,
    random_like,
    shape_of,
    shuffled,
)
from chisel.configs import ConfigError
from chisel.envs.maze import observe_states
from chisel.models import Agent, to_tensor

STUDY = "steering-vector"
VECTOR = "vector.safetensors"


def run(
    *,
    checkpoint: Path | str,
    module: str = "embedder.block2.res1.resadd",
    states: Literal["cheese", "top-right"] = "cheese",
    with_states: str | None = None,
    without_states: str | None = None,
    levels: int = 100,
    split: Literal["all", "train", "validation", "test"] = "train",
    coeffs: str = "-2,-1,-0.5,0.5,1,2",
    seed: int = 0,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Make a vector of the mean difference of activations between two sets of states, and try it.

    For any agent the sets are two files of observations; for maze agents they can be named sets of
    mazes at the start of an episode. `chisel eval RUN steer=FILE:COEFF` takes the vector's file.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        module: Name of the module whose outputs are subtracted.
        states: Named sets of mazes: cheese (with the cheese minus without), or top-right (with a
            way to the world's top-right corner opened minus as they are).
        with_states: Instead of named sets, an .npz file with the agent's `observations`
            [N, H, W, C].
        without_states: The .npz file of the set that is subtracted.
        levels: Number of mazes of a named set.
        split: Split that their layouts come from.
        coeffs: Factors by which the vector is multiplied when it is added to measure its effect,
            separated by commas.
        seed: Seed of the mazes and of the control vectors.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/steering-vector` of the run.

    Returns:
        The folder, with `vector.safetensors`, `steering-vector.json` and `steering-vector.png`.

    Raises:
        ConfigError: If a file or the module does not fit the agent, or an option is impossible.
        CheckpointError: If there is no agent.
    """
    asked = Request.of(STUDY, run, locals())
    points = sorted({*numbers("coeffs", coeffs)})
    agent = take_agent(checkpoint, env=env)
    if agent.config is None:
        raise ConfigError(f"{agent.source} carries no config; say env=EXPERIMENT, like maze/hard")
    shape_of(agent, module)
    about: dict[str, Any] = {"module": module}
    if with_states is None and without_states is None:
        sets = _of_mazes(agent, states, levels, split, seed)
        about |= {"states": states, "levels": levels, "split": split}
    else:
        sets = _of_files(agent, with_states, without_states)
        about |= {"with_states": str(with_states), "without_states": str(without_states)}
    about |= {"seed": seed, "env": env}
    vector = difference(agent, module, *sets, about)
    effects = _effects(agent, vector, sets, points, torch.Generator().manual_seed(seed))
    data = asked.provenance(agent, agent.config, seed=seed)
    data |= {"module": module, "norm": vector.norm, "counts": vector.origin["counts"]}
    data["effects"] = _plain(effects, points)
    title = f"How much the policy changes, {module}"
    figure = curves_figure(effects, points, title, "mean total variation", whole=False)
    with asked.results(asked.folder(agent)) as folder:
        vector.save(folder / VECTOR)
        write_json(folder / f"{STUDY}.json", data)
        save_figure(figure, folder / f"{STUDY}.png", f"sha256 {agent.digest}, {asked.command}")
    show(_table(effects, points, f"{title} (vector of norm {vector.norm:.3g})"))
    return folder


Sets = tuple[NDArray[Any], NDArray[Any]]
"""Observations `[N, H, W, C]` of the set with a property, and of the set without."""
Effects = Mapping[str, Mapping[str, Sequence[Estimate]]]
"""Mean total variation for each coefficient, by set of states and kind of vector."""


def _of_mazes(agent: Agent, states: StatePair, levels: int, split: Split, seed: int) -> Sets:
    config = maze_run(agent).env
    # Levels of a single goal need no decision square.
    one_goal = dataclasses.replace(config, goals="cheese")
    mazes = held_out_states(agent, one_goal, levels=levels, split=split, seed=seed)
    first, second = with_and_without(states, mazes, config)
    observe = functools.partial(observe_states, config=config)
    return observe(first), observe(second)


def _of_files(agent: Agent, with_states: str | None, without_states: str | None) -> Sets:
    if with_states is None or without_states is None:
        raise ConfigError("with_states and without_states are given together, a file each")
    return (
        _observations(agent, "with_states", with_states),
        _observations(agent, "without_states", without_states),
    )


def _observations(agent: Agent, key: str, file: str) -> NDArray[Any]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            obs: NDArray[Any] = arrays["observations"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{key}={file}: needs an .npz file with `observations`") from error
    check_observations(agent, obs, f"{key}={file}")
    return obs


def _effects(
    agent: Agent,
    vector: SteeringVector,
    sets: Sets,
    coeffs: Sequence[float],
    generator: torch.Generator,
) -> Effects:
    own = vector.vector.unsqueeze(0)
    kinds = {"vector": own, "random": random_like(own, generator)}
    kinds["shuffled"] = shuffled(own, generator)
    effects: dict[str, dict[str, list[Estimate]]] = {}
    for name, obs in zip(("on the states with", "on the states without"), sets, strict=True):
        inputs = to_tensor(obs)
        before = _probabilities(agent, inputs)
        effects[name] = {kind: [] for kind in kinds}
        for kind, one in kinds.items():
            for coeff in coeffs:
                with intervene(agent.model, {vector.module: add(one[0], coeff)}):
                    after = _probabilities(agent, inputs)
                moved = 0.5 * np.abs(after - before).sum(1)
                effects[name][kind].append(
                    bootstrap_mean(moved, np.random.default_rng(0), within=(0, 1))
                )
    return effects


def _probabilities(agent: Agent, obs: Tensor) -> NDArray[np.float64]:
    with torch.inference_mode():
        found: NDArray[np.float64] = action_probabilities(agent.policy(obs).double()).numpy()
    return found


def _plain(effects: Effects, coeffs: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"states": states, "kind": kind, "coeff": coeff, "total_variation": estimate.to_plain()}
        for states, kinds in effects.items()
        for kind, estimates in kinds.items()
        for coeff, estimate in zip(coeffs, estimates, strict=True)
    ]


def _table(effects: Effects, coeffs: Sequence[float], title: str) -> Table:
    heads = [f"× {coeff:g}" for coeff in coeffs]
    caption = "mean total variation over actions"
    table = new_table(title, caption, words=("states", "added"), numbers=heads)
    for states, kinds in effects.items():
        for kind, estimates in kinds.items():
            table.add_row(states, kind, *(f"{estimate.value:.3f}" for estimate in estimates))
    return table
