"""Measure steps per second of the maze environments, and of raw gym3.

Contenders take turns in one process, a few hundred steps at a time. Only stepping is timed, neither
the choice of actions nor the reset.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel import configs, envs
from chisel.configs import MazeConfig
from chisel.envs.maze import ACTION_OF_MOVE, MOVE_DELTAS, MazeState, paths

NUM_ENVS = 64
NUM_ACTIONS = 15

Turn = Callable[[int], tuple[float, float]]
"""Function of a number of steps that returns the seconds of wall clock and of CPU they take."""


def measure(*, steps: int, rounds: int) -> dict[str, Any]:
    """Time all contenders in turns.

    Args:
        steps: Number of steps of all environments together in one turn.
        rounds: Number of turns of each contender.

    Returns:
        By contender the turns, and the medians of steps per second and of CPU-seconds per 1,000
        steps; also the adapter's speed as a share of raw gym3's, the median over rounds.
    """
    adapted = ("env.engine=procgen", "env.observation=pixels")
    pixels = _random(*adapted, "env.cheese=stock")
    contenders: dict[str, Turn] = {
        "raw_gym3": _raw_gym3(),  # after ours, which silences what importing procgen prints
        "raw_gym3_with_infos": _raw_gym3(infos=True),
        "pixels_stock_random": pixels,
        "pixels_region_shortest_path": _shortest_path(
            *adapted, "env.cheese=region", "env.region=5"
        ),
        "symbolic_random": _random("env.observation=symbolic", "env.cheese=stock"),
    }
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, turn in contenders.items():
            wall, cpu = turn(steps)
            if number:  # the first round warms up
                turns[name].append({"steps": steps, "wall_s": wall, "cpu_s": cpu})
    results: dict[str, Any] = {
        name: {
            "turns": made,
            "steps_per_s": median(one["steps"] / one["wall_s"] for one in made),
            "cpu_s_per_1000": median(1000 * one["cpu_s"] / one["steps"] for one in made),
        }
        for name, made in turns.items()
    }
    for raw in ("raw_gym3", "raw_gym3_with_infos"):
        pairs = list(zip(turns[raw], turns["pixels_stock_random"], strict=True))
        results[f"adapter_over_{raw}"] = {
            key: median(theirs[key] / ours[key] for theirs, ours in pairs)
            for key in ("wall_s", "cpu_s")
        }
    return results


def _config(*overrides: str) -> MazeConfig:
    run = configs.load("maze/easy", overrides)
    maze: MazeConfig = run.env
    return maze


def _raw_gym3(*, infos: bool = False) -> Turn:
    """Step raw procgen by gym3's interface: act, then read rewards, observations and first flags.

    Only the infos say whether a maze was solved; our adapter always reports that.
    """
    from procgen import ProcgenGym3Env

    threads = _config().num_threads
    games = ProcgenGym3Env(
        NUM_ENVS, "maze", distribution_mode="easy", num_threads=threads, rand_seed=0
    )
    generator = np.random.default_rng(0)

    def act(actions: NDArray[np.int32]) -> None:
        games.act(actions)
        games.observe()
        if infos:
            games.get_info()

    return lambda steps: _timed(act, lambda: _random_actions(generator), steps)


def _random(*overrides: str) -> Turn:
    env = envs.make(_config(*overrides), seed=0, num_envs=NUM_ENVS)
    env.reset(seed=0)
    generator = np.random.default_rng(0)
    return lambda steps: _timed(env.step, lambda: _random_actions(generator), steps)


def _shortest_path(*overrides: str) -> Turn:
    env: Any = envs.make(_config(*overrides), seed=0, num_envs=NUM_ENVS)
    env.reset(seed=0)
    ways = [_actions_to_cheese(state) for state in env.maze_states()]
    ended = np.zeros(NUM_ENVS, bool)

    def step(actions: NDArray[np.int64]) -> None:
        nonlocal ended
        ended = env.step(actions)[2]

    def choose() -> NDArray[np.int64]:
        if ended.any():
            states = env.maze_states()
            for row in np.flatnonzero(ended):
                ways[row] = _actions_to_cheese(states[row])
        return np.array([next(way) for way in ways])

    return lambda steps: _timed(step, choose, steps)


def _actions_to_cheese(state: MazeState) -> Any:
    """Yield the actions that lead the mouse to the cheese, and afterwards keep it there."""
    way = paths.shortest_path(state.open, state.mouse, state.cheese[0])
    moves = {tuple(delta): move for move, delta in enumerate(MOVE_DELTAS)}
    for (row, col), (next_row, next_col) in itertools.pairwise(way):
        yield ACTION_OF_MOVE[moves[next_row - row, next_col - col]]
    while True:
        yield ACTION_OF_MOVE[moves[0, 0]]


def _random_actions(generator: np.random.Generator) -> NDArray[np.int32]:
    return generator.integers(NUM_ACTIONS, size=NUM_ENVS).astype(np.int32)


def _timed(
    act: Callable[[Any], Any], choose: Callable[[], NDArray[Any]], steps: int
) -> tuple[float, float]:
    wall = cpu = 0.0
    for _ in range(max(steps // NUM_ENVS, 1)):
        actions = choose()
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        act(actions)
        wall += time.perf_counter() - wall_before
        cpu += time.process_time() - cpu_before
    return wall, cpu
