"""What it costs to see every square of one large maze as the agent would see it there."""

from __future__ import annotations

import functools
import time
from statistics import median
from typing import Any

import configs
from analysis import mouse_at
from envs.maze import BankRecipe, LevelBank, build_bank, observe_states, paths
from envs.maze.options import look_of

SIDE = 23
"""Of the maze that procgen-tools took 1.7 s for."""


def measure(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Pixels of all free squares of a 23×23 maze, the placing of the mouse included.

    Args:
        toy: A maze of 5×5, to see that the harness works.
        rounds: How often.
    """
    config = configs.load("maze/hard", ["env.num_threads=0"]).env
    state = _bank(config, 5 if toy else SIDE).state(0)
    cells = paths.free_cells(state.open)
    observe = functools.partial(observe_states, config=config)
    turns = []
    for number in range(rounds + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        observe(mouse_at(state, cells, "left"))
        spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        if number:  # the first round makes the game
            turns.append(spent)
    return {
        "squares": len(cells),
        "turns": turns,
        **{key: median(one[key] for one in turns) for key in ("wall_s", "cpu_s")},
    }


def _bank(config: Any, side: int) -> LevelBank:
    return build_bank(BankRecipe(look_of(config), count=1, sizes=(side,)), seed=0)
