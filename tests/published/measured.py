"""The published figures, measured with this project's own studies, each once a session."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
import torch

from chisel.analysis.evaluation import maze_run
from chisel.analysis.maze.behaviour import (
    PUBLISHED,
    Regression,
    Validation,
    cross_validate,
    decision_episodes,
    misgeneralisation,
    prepare,
    regress,
)
from chisel.analysis.maze.channels import Tracking
from chisel.analysis.maze.channels.studied_layer import LAYER, studied_layer
from chisel.analysis.maze.cheese_vector import Row, compared, steering_setup
from chisel.configs import WORLD_SIZE, ConfigError, NumericsError
from chisel.envs.maze import LevelSetRecipe, MazeState, build_level_set, observe_states, paths
from chisel.envs.maze.options import look_of
from chisel.models import Agent

Found = TypeVar("Found")

LEVELS = int(os.environ.get("CHISEL_PUBLISHED_LEVELS", "400"))
"""Levels that are played, and mazes in other figures in proportion; the tolerances are for 400."""
SEEDS = 100
"""Level seeds 0 to 99, as in the published figures of the cheese vector."""


def measured(function: Callable[[Agent], Found]) -> Callable[[Agent], Found]:
    """Measure once; what a network of another kind cannot give fails the test in one line."""
    kept: dict[str, Found] = {}
    refused: dict[str, str] = {}

    @functools.wraps(function)
    def guarded(net: Agent) -> Found:
        if net.digest not in kept | refused:
            try:
                kept[net.digest] = function(net)
            except (ConfigError, NumericsError) as error:
                refused[net.digest] = str(error)
        if net.digest in refused:
            pytest.fail(f"cannot be measured: {refused[net.digest]}", pytrace=False)
        return kept[net.digest]

    return guarded


@measured
def crossing(net: Agent) -> dict[str, Row]:
    """Choices at the decision squares of seeds 0 to 99, by what was added."""
    config = maze_run(net).env
    setup = steering_setup(net, stock_mazes(net), functools.partial(observe_states, config=config))
    generator = torch.Generator().manual_seed(0)
    rows = compared(setup, LAYER, -1.0, np.random.default_rng(0), generator)
    return {row.name: row for row in rows}


def stock_mazes(net: Agent) -> list[MazeState]:
    """The first moments of seeds 0 to 99, as procgen makes them, that have a decision square."""
    config = maze_run(net).env
    sizes = tuple(range(3, WORLD_SIZE[config.mode] + 1, 2))
    recipe = LevelSetRecipe(look=look_of(config), count=SEEDS, sizes=sizes, num=SEEDS)
    level_set = build_level_set(recipe, 0)
    states = sorted((level_set.state(n) for n in range(SEEDS)), key=lambda state: state.level_seed)
    return [state for state in states if _decides(state)]


def _decides(state: MazeState) -> bool:
    return paths.decision_square(state.open, state.mouse, state.cheese[0]) is not None


@measured
def success(net: Agent) -> Any:
    """How episodes end, with the cheese as trained and anywhere; a quarter of the levels."""
    config, draws = maze_run(net), np.random.default_rng(0)
    return misgeneralisation(net, config, draws, levels=max(LEVELS // 4, 2), split="all")


@measured
def episodes(net: Agent) -> pd.DataFrame:
    """Levels with a decision square whose cheese lies outside the region."""
    return decision_episodes(net, maze_run(net), levels=LEVELS, split="all")


@measured
def regression(net: Agent) -> tuple[Regression, Validation]:
    """The three published variables, fitted and cross-validated."""
    data = prepare(episodes(net), PUBLISHED)
    draws = np.random.default_rng(0)
    return regress(data, draws), cross_validate(data, draws)


@measured
def tracking(net: Agent) -> Tracking:
    """Which channels follow the cheese."""
    studied = studied_layer(net, LAYER)
    return studied.tracking(studied.mazes(max(LEVELS // 40, 2), "validation", 0), 12, 0)
