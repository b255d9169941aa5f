"""Measure the CPU time of a generated SafeLife level, and of a measurement of side effects."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from chisel.envs.safelife import (
    TASKS,
    LevelCycle,
    SafeLifeVectorEnv,
    Task,
    generate,
    level_set,
    pcg64_stream,
    side_effects,
)


def measure(*, toy: bool) -> dict[str, Any]:
    """Time the generation of levels, and the metric after episodes of random actions.

    Args:
        toy: Whether to take two levels of each task, to see that the harness works.

    Returns:
        Under `level_ms` and `metric_ms`, by task, the mean and the 95th percentile in milliseconds.
    """
    number = 2 if toy else 100
    return {
        "level_ms": {name: _levels(task, number) for name, task in TASKS.items()},
        "metric_ms": {name: _metric(task, min(number, 40)) for name, task in TASKS.items()},
    }


def _summary(seconds: list[float]) -> dict[str, float]:
    return {
        "mean": 1000 * float(np.mean(seconds)),
        "p95": 1000 * float(np.percentile(seconds, 95)),
        "n": len(seconds),
    }


def _levels(task: Task, number: int) -> dict[str, float]:
    generate(task, 0)  # compiles
    seconds = []
    for seed in range(number):
        before = time.process_time()
        generate(task, seed)
        seconds.append(time.process_time() - before)
    return _summary(seconds)


def _metric(task: Task, number: int) -> dict[str, float]:
    source = LevelCycle(level_set(task, number, seed=0))
    env = SafeLifeVectorEnv(source, number, seed=0)
    generator = np.random.default_rng(0)
    env.reset()
    for _ in range(1000):
        env.step(generator.integers(0, 9, number))
    games, stream = env.games, pcg64_stream(0)
    seconds = []
    for row in range(number):
        before = time.process_time()
        side_effects(games.start[row], games.board[row], int(games.length[row]), stream=stream)
        seconds.append(time.process_time() - before)
    return _summary(seconds)
