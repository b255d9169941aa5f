"""Set up held-out mazes as moments for probes, steering vectors and attributions."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from chisel.analysis.attribution import Score
from chisel.analysis.evaluation import Decisions, Evaluator, held_out_mazes
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.maze.attribution import log_odds
from chisel.analysis.maze.attribution_figures import draw_attributions
from chisel.analysis.maze.decision_mazes import decision_mazes
from chisel.analysis.maze.probing import logit_targets, sample_of, states_of
from chisel.analysis.maze.states import (
    StatePair,
    held_out_states,
    layer_cell,
    view_side,
    with_and_without,
    without_cheese,
)
from chisel.analysis.probes import Sample
from chisel.configs import RunConfig
from chisel.envs.maze import observe_states
from chisel.models import Agent, to_tensor

_AT_A_TIME = 512


def maze_evaluator(config: RunConfig) -> Evaluator:
    """Return the evaluator of mazes, with the moments that studies of layers need."""
    return dataclasses.replace(
        held_out_mazes(config),
        sample=maze_sample,
        decisions=maze_decisions,
        contrasts={
            "cheese": functools.partial(maze_contrast, "cheese"),
            "top-right": functools.partial(maze_contrast, "top-right"),
        },
    )


def maze_sample(agent: Agent, config: RunConfig, counts: Sequence[int], seed: int) -> Sample:
    """Return states of training, validation and test layouts, and targets that a picture shows.

    The cheese lies anywhere and the mouse stands on a random square; see `maze_targets`. The logits
    of two moves are targets as well.

    Args:
        agent: The agent.
        config: Config of the mazes.
        counts: Number of levels of each split.
        seed: Seed of the levels and squares.

    Raises:
        ConfigError: If there are too few levels.
        CheckpointError: If the agent is for another environment.
    """
    sets = states_of(agent, config.env, counts, seed)
    observe = functools.partial(observe_states, config=config.env)
    with torch.inference_mode():
        obs = to_tensor(observe([state for one in sets for state in one]))
        logits = torch.cat([agent.policy(part) for part in torch.split(obs, _AT_A_TIME)])
    return sample_of(sets, observe, max(config.env.region, 1), logit_targets(logits))


def maze_contrast(
    name: StatePair, agent: Agent, config: RunConfig, *, levels: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return observations of mazes with a property and without it; see `with_and_without`.

    Args:
        name: The property.
        agent: The agent.
        config: Config of the mazes, and of the split of their layouts (`eval.split`).
        levels: Number of mazes.
        seed: Seed of the mazes.

    Raises:
        ConfigError: If there are too few such mazes, or none can have the property.
        CheckpointError: If the agent is for another environment.
    """
    # Levels with a single goal need no decision square.
    one_goal = dataclasses.replace(config.env, goals="cheese")
    mazes = held_out_states(agent, one_goal, levels=levels, split=config.eval.split, seed=seed)
    first, second = with_and_without(name, mazes, config.env)
    return observe_states(first, config.env), observe_states(second, config.env)


def maze_decisions(agent: Agent, config: RunConfig, *, levels: int, seed: int) -> Decisions:
    """Return decisions for the cheese, against the corner, at decision squares of held-out mazes.

    Args:
        agent: The agent.
        config: Config of the mazes, and of the split of their layouts (`eval.split`).
        levels: Number of mazes, with the cheese anywhere.
        seed: Seed of the mazes.

    Raises:
        ConfigError: If there are too few such mazes.
        CheckpointError: If the agent is for another environment.
    """
    env, observe = config.env, functools.partial(observe_states, config=config.env)
    states = held_out_states(
        agent, env, levels=levels, split=config.eval.split, seed=seed, decision=True
    )
    mazes = decision_mazes(states)

    def score(layer_split: LayerSplit, obs: torch.Tensor) -> Score:
        return log_odds(layer_split, obs, mazes.to_cheese, mazes.to_corner)

    def near(number: int, places: tuple[int, int]) -> NDArray[np.bool_]:
        state = mazes.states[number]
        row, col = layer_cell(state, state.cheese[0], view_side(env), places)
        rows, columns = np.ogrid[: places[0], : places[1]]
        within: NDArray[np.bool_] = np.maximum(np.abs(rows - row), np.abs(columns - col)) <= 1
        return within

    def draw(ax: Axes, number: int, places: NDArray[np.float64], limit: float) -> Any:
        return draw_attributions(ax, mazes.states[number], places, view_side(env), limit)

    return Decisions(
        to_tensor(observe(mazes.states)),
        score,
        "log-odds of the first step to the cheese against that to the corner",
        removed=to_tensor(observe([without_cheese(one) for one in mazes.states])),
        facts=[
            {"level_seed": state.level_seed, "decision_square": list(square)}
            for state, square in zip(mazes.states, mazes.squares, strict=True)
        ],
        near=near,
        draw=draw,
        sizes=[state.maze_dim for state in mazes.states],
    )
