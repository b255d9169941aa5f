"""The study `steering-vector`: make a vector from the difference of two sets of activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.evaluation import action_probabilities, judged_by
from chisel.analysis.interventions import add, intervene
from chisel.analysis.results import Count, DataTable, Estimate, Result, Seed, bootstrap_mean
from chisel.analysis.steering import (
    SteeringVector,
    check_observations,
    curves_figure,
    default_layer,
    difference,
    random_like,
    shuffled,
)
from chisel.configs import ConfigError, RunConfig, hint
from chisel.models import Agent, to_tensor

VECTOR = "vector.safetensors"
Sets = tuple[NDArray[Any], NDArray[Any]]
"""Observations `[N, H, W, C]` of the set with a property, and of the set without it."""
Effects = Mapping[str, Mapping[str, Sequence[Estimate]]]
"""Mean total variation for each coefficient, by set of states and kind of vector."""


def run(
    checkpoint: Agent,
    *,
    module: str | None = None,
    states: str | None = None,
    with_states: str | None = None,
    without_states: str | None = None,
    levels: Count = 100,
    split: Literal["all", "train", "validation", "test"] | None = None,
    coeffs: tuple[float, ...] = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0),
    seed: Seed = 0,
) -> Result:
    """Make a vector from the mean difference of activations between two sets, and measure it.

    `chisel eval RUN steer=FILE:COEFF` takes the vector's file.

    Args:
        checkpoint: An agent.
        module: Name of the module whose outputs are subtracted; left out, the published maze
            study's embedder.block2.res1.resadd if the network has it, else embedder.
        states: Named sets: in mazes cheese (mazes with their cheese minus without it) or top-right
            (mazes with an opened path to the world's top-right corner minus unchanged ones); in
            other worlds success (moments of games that end in success minus others). Left out, the
            first of these.
        with_states: Instead of named sets, an .npz file with the agent's `observations`
            [N, H, W, C].
        without_states: The .npz file of the set that is subtracted.
        levels: Number of levels or games of a named set.
        split: Split of the levels, in worlds with splits; left out, train.
        coeffs: Factors by which the vector is multiplied when it is added to measure its effect.
        seed: Seed of the named sets and of the control vectors.

    Returns:
        The file of the vector, and the changes of the policy by it and by control vectors.

    Raises:
        ConfigError: If a file or the module does not fit the agent, or an option is impossible.
    """
    agent, module = checkpoint, default_layer(checkpoint, module)
    about: dict[str, Any] = {"module": module}
    if with_states is None and without_states is None:
        name, config = _named(agent, states, split)
        contrast = judged_by(agent)[0].contrasts[name]
        sets = contrast(agent, config, levels=levels, seed=seed)
        about |= {"states": name, "levels": levels, "split": config.eval.split}
    else:
        sets = _of_files(agent, with_states, without_states)
        about |= {"with_states": str(with_states), "without_states": str(without_states)}
    vector = difference(agent, module, *sets, about | {"seed": seed})
    points = sorted(coeffs)
    effects = _effects(agent, vector, sets, points, torch.Generator().manual_seed(seed))
    title = f"How much the policy changes, {module}"
    figure = curves_figure(
        effects, points, title, "mean total variation", over="states", whole=False
    )
    data = {
        "module": module,
        "norm": vector.norm,
        "counts": vector.origin["counts"],
        "effects": _data(effects, points),
    }
    return Result(
        data,
        {"steering-vector": _table(effects, points, f"{title} (vector of norm {vector.norm:.3g})")},
        {"steering-vector": figure},
        files={VECTOR: vector.save},
    )


def _named(agent: Agent, states: str | None, split: str | None) -> tuple[str, RunConfig]:
    """Return the name of a contrast, and the config of the levels from which it is made.

    Raises:
        ConfigError: If the world has no such contrast, or no splits.
    """
    evaluator, _ = judged_by(agent)
    wanted = split or ("train" if evaluator.splits else None)
    _, config = judged_by(agent, [] if wanted is None else [f"eval.split={wanted}"])
    name = next(iter(evaluator.contrasts)) if states is None else states
    if name not in evaluator.contrasts:
        raise ConfigError(f"states={name}: {hint(name, evaluator.contrasts)}")
    return name, config


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


def _data(effects: Effects, coeffs: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"states": states, "kind": kind, "coeff": coeff, "total_variation": estimate}
        for states, kinds in effects.items()
        for kind, estimates in kinds.items()
        for coeff, estimate in zip(coeffs, estimates, strict=True)
    ]


def _table(effects: Effects, coeffs: Sequence[float], title: str) -> DataTable:
    rows = [
        {"states": states, "added": kind}
        | {f"× {coeff:g}": one for coeff, one in zip(coeffs, estimates, strict=True)}
        for states, kinds in effects.items()
        for kind, estimates in kinds.items()
    ]
    return DataTable(title, rows, caption="mean total variation over actions", form=".3f")
