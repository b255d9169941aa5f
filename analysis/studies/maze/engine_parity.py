"""The study `engine-parity`: compare the native maze engine with procgen."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.results import Count, DataTable, Result, Seed
from chisel.configs import ConfigError
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import make_maze, parity

Mode = Literal["easy", "hard", "memory"]
_FLAT: dict[str, Any] = {"use_backgrounds": False, "use_monochrome_assets": True}
_SMALL = LevelsConfig(set_size=200, max_size=9)
_ENVS = {
    "symbolic, procgen's levels": MazeConfig(observation="symbolic"),
    "symbolic, region cheese": MazeConfig(observation="symbolic", cheese="region"),
    "symbolic, level set": MazeConfig(observation="symbolic", levels=_SMALL),
    "flat pixels, two goals": MazeConfig(**_FLAT, levels=_SMALL, goals="cheese-and-corner"),
    "textured pixels, region cheese": MazeConfig(levels=_SMALL, cheese="region"),
}
"""Environments whose episodes are compared, with their facts."""


def run(
    *,
    seeds: str = "0:1000",
    mode: Mode = "easy",
    games: Count = 16,
    steps: Count = 1000,
    seed: Seed = 0,
) -> Result:
    """Compare the native maze engine with procgen, bit for bit; procgen must be installed.

    The comparison is about levels; every byte of the games' states, and their pixels in every look,
    under random actions; and whole episodes of environments with all their facts.

    Args:
        seeds: Level seeds, FIRST:LAST; the last one is not included.
        mode: procgen's distribution mode.
        games: Number of games that are played side by side.
        steps: Number of steps.
        seed: Seed of the games' streams and of the actions.

    Returns:
        The number of comparisons of each kind, the number that differ, and the first difference.

    Raises:
        ConfigError: If the seeds are no range.
        EnvironmentFault: If procgen is not installed.
    """
    first, last = _range(seeds)
    compared = {
        "levels": parity.compare_levels(first, last, mode),
        **parity.compare_games(mode, games, steps, seed),
        **{
            f"episodes: {name}": _compare_envs(
                dataclasses.replace(config, mode=mode), games, steps, seed
            )
            for name, config in _ENVS.items()
        },
    }
    rows = [
        {
            "what": what,
            "compared": found.compared,
            "different": found.different,
            "first difference": found.first or "-",
        }
        for what, found in compared.items()
    ]
    different = sum(found.different for found in compared.values())
    return Result(
        data={"rows": rows, "identical": different == 0},
        tables={"parity": DataTable(f"Native engine and procgen, {mode}", rows)},
        conclusion=f"{different:,} differences" if different else "No difference.",
    )


def _range(seeds: str) -> tuple[int, int]:
    first, _, last = seeds.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last) <= 2**31):
        raise ConfigError(f"seeds = {seeds}: a range of level seeds is written like seeds=0:2000")
    return int(first), int(last)


def _compare_envs(config: MazeConfig, games: int, steps: int, seed: int) -> parity.Difference:
    """Play both engines' environments side by side, and compare everything that they return."""
    found = parity.Difference()
    actions = np.random.default_rng(seed).integers(0, 15, (steps, games))
    with contextlib.ExitStack() as stack:
        played = []
        for engine in ("native", "procgen"):
            sized = dataclasses.replace(config, num_envs=games, timeout=60, engine=engine)
            env = stack.enter_context(contextlib.closing(make_maze(sized, seed=seed)))
            played.append(_play(env, actions))
        for step, (ours, theirs) in enumerate(zip(*played, strict=True)):
            found.add(ours == theirs, f"step {step}")
    return found


def _play(env: Any, actions: NDArray[np.int64]) -> Iterator[tuple[Any, ...]]:
    yield (env.reset()[0].tobytes(),)
    for row in actions:
        observations, rewards, terminated, truncated, infos = env.step(row)
        facts = {name: fact.tolist() for name, fact in infos.get("episode", {}).items()}
        arrays = observations, rewards, terminated, truncated
        yield *(array.tobytes() for array in arrays), facts
