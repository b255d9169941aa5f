"""`python -m benchmarks.native`: time the native and the device maze engine on one core.

The results go to `benchmarks/results/native.json`; with `--only PATTERN` the other rows stay as
they are. Times are CPU time. The shortest of several turns counts, since other load on a shared
machine can only lengthen a turn.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import machine
from chisel.analysis.maze import mouse_at
from chisel.configs import WORLD_SIZE
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import (
    LevelSetRecipe,
    build_level_set,
    make_maze,
    make_training,
    observe_states,
    paths,
)
from chisel.envs.maze.native import draw_levels
from chisel.envs.maze.native.textures import folder_of
from chisel.envs.maze.rules import Look

FLAT: dict[str, Any] = {"use_backgrounds": False, "use_monochrome_assets": True}
LEVELS = 20_000
"""Number of levels in the set of a maze training."""
_LEVELS = LevelsConfig(set_size=2000, max_size=9, split="train")

Job = tuple[int, Callable[[], object]]
"""Number of times that a turn does something, and the function that does a turn."""


def measure(*, steps: int, rounds: int, only: str = "*") -> dict[str, Any]:
    """Time everything in turns.

    Args:
        steps: Number of steps of all environments of one kind together, in one turn.
        rounds: Number of turns.
        only: Pattern of the names to measure.

    Returns:
        By name, the CPU-seconds of each turn, the count of a turn, and the rate, which is the count
        divided by the seconds of the shortest turn.
    """
    jobs = {name: prepare() for name, prepare in _jobs(steps).items() if fnmatch(name, only)}
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


def _jobs(steps: int) -> dict[str, Callable[[], Job]]:
    """Return the functions that prepare the jobs, by name."""
    seeds, part = np.arange(max(steps // 100, 200)), functools.partial
    jobs: dict[str, Callable[[], Job]] = {
        f"levels, {mode}": part(_drawing, seeds, side) for mode, side in WORLD_SIZE.items()
    }
    jobs["level set, up to 9x9, train"] = part(_building, min(LEVELS, steps))
    for num in (64, 256, 1024):
        jobs[f"symbolic 9x9 with facts, {num}"] = part(
            _stepping, num, steps, observation="symbolic"
        )
        jobs[f"flat pixels with facts, {num}"] = part(_stepping, num, steps // 4, **FLAT)
    for num in (64, 1024, 16_384):
        jobs[f"device engine, symbolic 9x9, {num}"] = part(_advancing, num, steps)
    jobs["device engine, flat pixels, 64"] = part(_advancing, 64, steps // 16, **FLAT)
    hard = MazeConfig(mode="hard")
    views = {
        "flat pixels": replace(hard, **FLAT),
        "symbolic": replace(hard, observation="symbolic"),
    }
    if folder_of(None):  # procgen's image files are installed
        views["textured pixels"] = hard
        for num, engine in itertools.product((64, 1024), ("native", "procgen")):
            name = f"textured pixels with facts, {engine}, {num}"
            jobs[name] = part(_stepping, num, steps // 8, engine=engine)
    for name, config in views.items():
        jobs[f"squares of a 23x23 maze, {name}"] = part(_observing, config)
    return jobs


def _drawing(seeds: NDArray[np.int64], side: int) -> Job:
    return len(seeds), lambda: draw_levels(seeds, side)


def _building(count: int) -> Job:
    recipe = LevelSetRecipe(Look(), count, (3, 5, 7, 9), split="train")
    return count, lambda: build_level_set(recipe, 0)


def _observing(config: MazeConfig) -> Job:
    state = build_level_set(LevelSetRecipe(Look("hard"), 1, (23,)), 0).state(0)
    cells = paths.free_cells(state.open)
    return len(cells), lambda: observe_states(mouse_at(state, cells, "left"), config)


def _advancing(num: int, steps: int, **options: Any) -> Job:
    """Return the number of steps of the device engine on the CPU, and their function."""
    torch.set_num_threads(1)
    view = options or {"observation": "symbolic"}
    config = MazeConfig(num_envs=num, levels=_LEVELS, timeout=60, engine="device", **view)
    env = make_training(config, seed=0)
    env.reset()
    actions = torch.randint(0, 15, (max(steps // num, 1), num))

    def run() -> None:
        for row in actions:
            env.advance(row)

    return actions.numel(), run


def _stepping(num: int, steps: int, **options: Any) -> Job:
    """Return the number of environment steps, and a function that plays them at random."""
    env = make_maze(MazeConfig(num_envs=num, levels=_LEVELS, timeout=60, **options), seed=0)
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
    parser.add_argument("--only", default="*", help="pattern of the names to measure")
    parser.add_argument("--out", default="benchmarks/results/native.json")
    given = parser.parse_args()
    results = measure(steps=given.steps, rounds=given.rounds, only=given.only)
    for name, result in results.items():
        print(f"{name:40} {result['per_s']:14,.0f} per second of CPU")
    out, stamp = Path(given.out), machine.stamp()
    if given.only != "*":
        kept = json.loads(out.read_text("utf-8"))
        results = kept["results"] | {
            name: one | {"machine": stamp} for name, one in results.items()
        }
        stamp = kept["machine"]
    out.write_text(json.dumps({"machine": stamp, "results": results}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
