"""Metrics of mazes drawn by hand agree with counting."""

from math import hypot, sqrt

import numpy as np
import pytest

from chisel.analysis.maze.behaviour import METRICS, maze_metrics
from chisel.analysis.maze.behaviour.episodes import offsets
from chisel.configs import ConfigError
from chisel.envs.maze import Level
from chisel.envs.maze.drawing import parse
from tests.envs.oracles import filled_path, random_tree, relaxed_distances

# Row 0 is the bottom; the ways part at (2, 0): up to the cheese, or right and up to the corner.
MAZE = """
C#####.
.#####.
.#####.
.#####.
.......
.######
M......
"""


def level(text, seed=-1):
    grid, mouse = parse(text)
    return Level(seed=seed, grid=grid, start=mouse, background=(0, 0.0))


def test_all_sixteen_metrics_are_right_on_a_maze_drawn_by_hand():
    drawn = level(MAZE.strip())
    found = maze_metrics(drawn, region=3, world_dim=15)
    # Cheese (6, 0), decision square (2, 0), corner (6, 6); open cells of the 3x3 region: the last
    # column from row 4 up.
    assert found == pytest.approx(
        {
            "euclid_cheese_square": 4,
            "taxi_cheese_square": 4,
            "steps_cheese_square": 4,
            "euclid_cheese_corner": 6,
            "taxi_cheese_corner": 6,
            "steps_cheese_corner": 4 + 6 + 4,
            "euclid_square_corner": sqrt(36 + 16),
            "taxi_square_corner": 10,
            "steps_square_corner": 10,
            "euclid_cheese_region": 6,
            "taxi_cheese_region": 6,
            "steps_cheese_region": 4 + 6 + 2,
            "euclid_square_region": sqrt(36 + 4),
            "taxi_square_region": 8,
            "steps_square_region": 8,
            "cheese_norm": hypot(6 + 4, 0 + 4),
        }
    )
    assert tuple(found) == METRICS
    assert offsets(drawn) == {"row_offset": 4, "col_offset": 0, "row_corner": 0, "col_corner": -6}


def random_level(generator, side=11):
    open_cells = random_tree(generator, side)
    grid = np.where(open_cells, 100, 51).astype(np.uint8)
    cheese = tuple((generator.integers(0, side // 2 + 1, 2) * 2).tolist())
    grid[cheese] = 2
    return Level(0, grid, (0, 0), (0, 0.0)), cheese


@pytest.mark.parametrize("seed", range(30))
def test_steps_agree_with_slow_distances_and_add_up_over_the_decision_square(seed):
    drawn, cheese = random_level(np.random.default_rng(seed))
    open_cells = drawn.grid != 51
    ways = [filled_path(open_cells, (0, 0), end) for end in (cheese, (10, 10))]
    if ways[0] <= ways[1] or ways[1] <= ways[0]:
        # Also where the corner lies on the way to the cheese: public code is of two minds there.
        with pytest.raises(ConfigError, match="no decision square"):
            maze_metrics(drawn, region=3, world_dim=15)
        return
    from_start = relaxed_distances(open_cells, (0, 0))
    square = max(ways[0] & ways[1], key=lambda cell: from_start[cell])
    found = maze_metrics(drawn, region=3, world_dim=15)
    steps = {end: relaxed_distances(open_cells, end) for end in (cheese, square)}
    assert found["steps_cheese_square"] == steps[cheese][square]
    assert found["steps_square_corner"] == steps[square][10, 10]
    assert found["steps_cheese_corner"] == steps[cheese][10, 10]
    near = steps[square][8:, 8:]
    assert found["steps_square_region"] == near[near >= 0].min()
    total = found["steps_cheese_square"] + found["steps_square_corner"]
    assert found["steps_cheese_corner"] == total


def test_a_maze_without_cheese_or_with_two_is_refused_in_one_line():
    drawn, cheese = random_level(np.random.default_rng(0))
    drawn.grid[cheese] = 100
    with pytest.raises(ConfigError, match="has 0 cheeses"):
        maze_metrics(drawn, region=3, world_dim=15)
