"""What both studies of channels begin with: an agent, a layer, mazes, the channels found."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chisel.analysis.evaluation import Split, held_out_levels
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.maze.channels.detection import Tracking, goal_tracking
from chisel.analysis.results import maze_run, take_agent
from chisel.configs import ConfigError, RunConfig
from chisel.envs.maze import MazeState, observe_states
from chisel.models import Agent

LAYER = "embedder.block2.res1.resadd"
"""Where the published maze agents keep the cheese, and the place to begin for others."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An agent cut at a layer, and what it sees."""

    agent: Agent
    config: RunConfig
    layer_split: LayerSplit

    @property
    def observe(self) -> Any:
        """States to observations."""
        return functools.partial(observe_states, config=self.config.env)

    def mazes(self, count: int, split: Split, seed: int) -> list[MazeState]:
        """Held-out mazes with the cheese anywhere.

        Raises:
            ConfigError: If there are too few.
            CheckpointError: If the agent is for another environment.
        """
        level_set = held_out_levels(
            self.agent, self.config.env, "anywhere", levels=count, split=split, seed=seed
        )
        return [level_set.state(index) for index in range(count)]

    def tracking(self, mazes: Sequence[MazeState], cells: int, seed: int) -> Tracking:
        """Which channels follow the cheese in these mazes."""
        generator = np.random.default_rng([seed, 0])
        return goal_tracking(
            self.layer_split, mazes, self.observe, self.config.env, cells=cells, generator=generator
        )


def subject(checkpoint: Path | str, module: str, env: str | None) -> Subject:
    """Load what is to be studied.

    Raises:
        CheckpointError: If nothing can be loaded.
        ConfigError: If it plays no maze.
    """
    agent = take_agent(checkpoint, env=env)
    return Subject(agent, maze_run(agent), LayerSplit(agent.model, module))


def goal_channels(found: Tracking, top: int, hits: float) -> list[int]:
    """The channels that count as following the cheese: at most `top`, that hit it often enough.

    Raises:
        ConfigError: If none does.
    """
    chosen = [channel for channel in found.best(top) if found.hits[channel] >= hits]
    if not chosen:
        best = float(found.hits.max())
        raise ConfigError(
            f"no channel peaks beside the cheese in {hits:.0%} of cells, the best in {best:.0%}: "
            "choose another module= or a lower hits="
        )
    return chosen


def named_channels(text: str, count: int) -> list[int]:
    """Channels given as numbers with commas between.

    Raises:
        ConfigError: If one is no number or out of range.
    """
    try:
        chosen = [int(word) for word in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"channels={text}: numbers with commas between, like 7,8,42") from error
    for channel in chosen:
        if not 0 <= channel < count:
            raise ConfigError(f"channels={text}: the layer has channels 0…{count - 1}")
    return chosen
