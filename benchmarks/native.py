"""`python -m benchmarks.native`: the native maze engine, on one core.

Writes `benchmarks/results/native.json`. Times are CPU time; the best of several turns counts, since
other load on a shared machine only ever adds to it.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from chisel.analysis.maze import mouse_at
from chisel.configs import WORLD_SIZE
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import (
    Cell,
    LevelSetRecipe,
    MazeState,
    build_level_set,
    make_maze,
    observe_states,
    paths,
)
from chisel.envs.maze.native import draw_levels
from chisel.envs.maze.native.textures import folder_of
from chisel.envs.maze.rules import Look

FLAT: dict[str, Any] = {"use_backgrounds": False, "use_monochrome_assets": True}
LEVELS = 20_000
"""Levels of the set of a maze training."""


def measure(*, steps: int, rounds: int) -> dict[str, Any]:
    """Time everything in turns.

    Args:
        steps: Steps of all environments of one kind together, in one turn.
        rounds: Number of turns.

    Returns:
        Under each name the CPU-seconds of each turn, the count they are divided by, and the rate:
        count over the shortest turn.
    """
    jobs = _jobs(steps)
    turns: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, (_, run) in jobs.items():
            begin = time.process_time()
            run()
            if number:  # the first round compiles
                turns[name].append(time.process_time() - begin)
    return {
        name: {"cpu_s": turns[name], "count": count, "per_s": count / min(turns[name])}
        for name, (count, _) in jobs.items()
    }


def _jobs(steps: int) -> dict[str, tuple[int, Callable[[], object]]]:
    seeds = np.arange(max(steps // 100, 200))
    recipe = LevelSetRecipe(Look(), min(LEVELS, steps), (3, 5, 7, 9), split="train")
    jobs: dict[str, tuple[int, Callable[[], object]]] = {
        f"levels, {mode}": (len(seeds), functools.partial(draw_levels, seeds, side))
        for mode, side in WORLD_SIZE.items()
    }
    jobs["level set, up to 9x9, train"] = (recipe.count, lambda: build_level_set(recipe, 0))
    for num in (64, 256, 1024):
        jobs[f"symbolic 9x9 with facts, {num}"] = _stepping(num, steps, observation="symbolic")
        jobs[f"flat pixels with facts, {num}"] = _stepping(num, steps // 4, **FLAT)
    hard = MazeConfig(mode="hard")
    views = {
        "flat pixels": replace(hard, **FLAT),
        "symbolic": replace(hard, observation="symbolic"),
    }
    if folder_of(None):  # procgen's image files are installed
        views["textured pixels"] = hard
        for num, engine in itertools.product((64, 1024), ("native", "procgen")):
            name = f"textured pixels with facts, {engine}, {num}"
            jobs[name] = _stepping(num, steps // 8, engine=engine)
    state = build_level_set(LevelSetRecipe(Look("hard"), 1, (23,)), 0).state(0)
    cells = paths.free_cells(state.open)
    for name, config in views.items():
        jobs[f"squares of a 23x23 maze, {name}"] = (
            len(cells),
            functools.partial(_observe, state, cells, config),
        )
    return jobs


def _observe(state: MazeState, cells: list[Cell], config: MazeConfig) -> None:
    observe_states(mouse_at(state, cells, "left"), config)


def _stepping(num: int, steps: int, **options: Any) -> tuple[int, Callable[[], object]]:
    """Return the number of environment steps, and what takes them with random actions."""
    levels = LevelsConfig(set_size=2000, max_size=9, split="train")
    env = make_maze(MazeConfig(num_envs=num, levels=levels, timeout=60, **options), seed=0)
    env.reset()
    actions = np.random.default_rng(0).integers(0, 15, (max(steps // num, 1), num))

    def run() -> None:
        for row in actions:
            env.step(row)

    return actions.size, run


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", default="benchmarks/results/native.json")
    given = parser.parse_args()
    results = measure(steps=given.steps, rounds=given.rounds)
    for name, result in results.items():
        print(f"{name:40} {result['per_s']:14,.0f} per second of CPU")
    text = json.dumps({"machine": machine.stamp(), "results": results}, indent=1)
    Path(given.out).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
