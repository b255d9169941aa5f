"""Time the observations of every square of a large maze, and a retargeting map.

An observation is what the agent sees on that square. A retargeting map clamps one channel at every
square of a 15×15 maze in turn and follows the path to that square, with an untrained Impala
16-32-32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks import apart
from chisel import configs
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.maze import mouse_at
from chisel.analysis.maze.channels import retarget_map, ways_of
from chisel.envs.maze import LevelSet, LevelSetRecipe, build_level_set, observe_states, paths
from chisel.envs.maze.options import look_of
from chisel.models import Spaces, build

SIDE = 23
"""Side of the maze for which procgen-tools took 1.7 s."""
LARGE = 15
"""Side of the maze to whose squares the mouse is led."""
LAYER = "embedder.block2.res1.resadd"


def measure(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Time both jobs, the placing of the mouse included.

    Args:
        toy: Whether to take mazes of 5×5, to see that the harness works.
        rounds: Number of times that squares are observed; the map is made a third as often, rounded
            up.
    """
    hard = configs.load("maze/hard", ["env.num_threads=0"]).env
    state = _level_set(hard, 5 if toy else SIDE).state(0)
    cells = paths.free_cells(state.open)
    observe = functools.partial(observe_states, config=hard)
    squares = _timed(lambda: observe(mouse_at(state, cells, "left")), rounds)
    return {
        "observations": squares | {"squares": len(cells)},
        "retarget": _retarget(5 if toy else LARGE, -(-rounds // 3)),
    }


def _retarget(side: int, rounds: int) -> dict[str, Any]:
    config = configs.load("maze/easy", ["env.num_threads=0", "env.observation=pixels"])
    state = _level_set(config.env, side).state(0)
    observe = functools.partial(observe_states, config=config.env)
    model = build(config.model, Spaces((64, 64, 3), "uint8", 255.0, 15), seed=0).eval()
    layer_split = LayerSplit(model, LAYER)
    ways = ways_of(state)

    def run() -> object:
        return retarget_map(
            layer_split, state, observe, config.env, channels=[0], values=[1.0], ceiling=False
        )

    return _timed(run, rounds) | {"targets": len(ways.targets), "pairs": len(ways.move)}


def _timed(run: Callable[[], object], rounds: int) -> dict[str, Any]:
    run()  # the first time makes the game
    turns = [apart.seconds_of(run) for _ in range(rounds)]
    medians = {key: median(one[key] for one in turns) for key in ("wall_s", "cpu_s")}
    return {"turns": turns, **medians}


def _level_set(config: Any, side: int) -> LevelSet:
    return build_level_set(LevelSetRecipe(look_of(config), count=1, sizes=(side,)), seed=0)
