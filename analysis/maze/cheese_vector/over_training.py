"""The cheese vector in a few figures, to be followed over training."""

from __future__ import annotations

import functools

import torch

from chisel.analysis.evaluation import Split, held_out_levels
from chisel.analysis.maze.cheese_vector.choices import Row
from chisel.analysis.maze.cheese_vector.vector import (
    baseline,
    bench,
    cheese_vectors,
    removed,
    steered,
)
from chisel.analysis.results import Estimate
from chisel.analysis.steering import random_like
from chisel.configs import RunConfig
from chisel.envs.maze import observe_states
from chisel.models import Agent

LAYER = "embedder.block2.res1.resadd"
"""Where the published vector was taken."""


def cheese_vector_curves(
    agent: Agent, config: RunConfig, levels: int, split: Split, module: str = LAYER
) -> dict[str, Estimate]:
    """Mean P(cheese) at decision squares: as it is, without the vector, and beside controls.

    Args:
        agent: A maze agent.
        config: Which mazes; `config.eval.seed` decides them and the random vectors.
        levels: Held-out mazes with a decision square, the cheese anywhere.
        split: Which layouts.
        module: The layer.

    Returns:
        `P(cheese)`; with each maze's own vector subtracted (`vector`), a random one as long
        (`random`), and the cheese really taken away (`removed`); and `P(neither) with vector`, the
        damage done.

    Raises:
        ConfigError: If there is no such layer, or there are too few mazes.
    """
    seed = config.eval.seed
    level_set = held_out_levels(
        agent, config.env, "anywhere", levels=levels, split=split, seed=seed, decision=True
    )
    states = [level_set.state(number) for number in range(levels)]
    on = bench(agent, states, functools.partial(observe_states, config=config.env))
    own = cheese_vectors(on, [module])[module]
    noise = random_like(own, torch.Generator().manual_seed(seed))

    def row(vectors: torch.Tensor) -> Row:
        choices = on.mazes.choices(steered(on, module, vectors, -1.0))
        return Row("added", choices, baseline(on).mazes)

    with_vector = row(own)
    return {
        "P(cheese)": baseline(on).mean("cheese"),
        "vector": with_vector.mean("cheese"),
        "random": row(noise).mean("cheese"),
        "removed": removed(on).mean("cheese"),
        "P(neither) with vector": with_vector.mean("neither"),
    }
