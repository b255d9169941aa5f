"""Prepare the agent and the layer for studies of channels, and choose the channels."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chisel.analysis.evaluation import Split, maze_run
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.maze import Observe, held_out_states
from chisel.analysis.maze.channels.detection import Tracking, goal_tracking
from chisel.configs import ConfigError, RunConfig
from chisel.envs.maze import MazeState, observe_states
from chisel.models import Agent

LAYER = "embedder.block2.res1.resadd"
"""The layer in which published maze agents represent the cheese; the default for others."""


@dataclass(frozen=True, eq=False)
class StudiedLayer:
    """An agent that is split at a layer, and the config of the mazes in which it is studied."""

    agent: Agent
    config: RunConfig
    layer_split: LayerSplit

    @property
    def observe(self) -> Observe:
        """Return the function that makes the agent's observations of states."""
        return functools.partial(observe_states, config=self.config.env)

    def mazes(self, count: int, split: Split, seed: int) -> list[MazeState]:
        """Return held-out mazes with the cheese anywhere.

        Raises:
            ConfigError: If there are too few such mazes.
            CheckpointError: If the agent is for another environment.
        """
        return held_out_states(self.agent, self.config.env, levels=count, split=split, seed=seed)

    def tracking(self, mazes: Sequence[MazeState], cells: int, seed: int) -> Tracking:
        """Measure how well channels follow the cheese in these mazes, at `cells` cells in each."""
        generator = np.random.default_rng([seed, 0])
        return goal_tracking(
            self.layer_split, mazes, self.observe, self.config.env, cells=cells, generator=generator
        )


def studied_layer(agent: Agent, module: str) -> StudiedLayer:
    """Split an agent at a module.

    Raises:
        ConfigError: If the agent plays no maze, or has no such module.
    """
    return StudiedLayer(agent, maze_run(agent), LayerSplit(agent.model, module))


def goal_channels(found: Tracking, top: int, hits: float) -> list[int]:
    """Choose the channels that follow the cheese.

    Args:
        found: Result of `goal_tracking`.
        top: Largest number of channels; those with the largest correlation are taken.
        hits: Smallest share of cheese cells beside which a channel must peak, in 0…1.

    Raises:
        ConfigError: If no channel peaks beside the cheese often enough.
    """
    chosen = [channel for channel in found.best(top) if found.hits[channel] >= hits]
    if not chosen:
        best = float(found.hits.max())
        raise ConfigError(
            f"no channel peaks beside the cheese in {hits:.0%} of cells, the best in {best:.0%}: "
            "choose another module= or a lower hits="
        )
    return chosen
