"""Time POWER on one core: sampled on grids, exact on a small world, counted over orbits.

The estimator takes turns with plain batched value iteration in numpy, to the same tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import apart
from chisel import impact
from chisel.impact import examples

TOLERANCE = 1e-8
GRIDS = {"3x3, gamma .6": (3, 0.6), "7x7, gamma .9": (7, 0.9), "7x7, gamma .99": (7, 0.99)}
ORBIT_GAMMAS = (0.1, 0.5, 0.99)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Job = tuple[Callable[[], object], int]
"""Function to run in a turn, and the number of parts that its time is divided by."""


def measure_apart(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Run `measure` in a process of its own, with one thread."""
    return apart.run_apart(__name__, dict.fromkeys(THREADS, "1"), toy=toy, rounds=rounds)


def measure(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Time all jobs, one after the other.

    Args:
        toy: Whether to take few rewards, to see that the harness works.
        rounds: Number of turns of each job.

    Returns:
        By job, the seconds of every turn and the medians per part, which is a reward, a world or
        all cases.
    """
    jobs = _jobs(toy)
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, (run, _) in jobs.items():
            spent = apart.seconds_of(run)
            if number:  # the first round compiles
                turns[name].append(spent)
    return {
        name: {
            "parts": parts,
            "turns": turns[name],
            **{key: median(one[key] for one in turns[name]) / parts for key in ("wall_s", "cpu_s")},
        }
        for name, (_, parts) in jobs.items()
    }


def _jobs(toy: bool) -> dict[str, Job]:
    jobs: dict[str, Job] = {}
    for name, (side, gamma) in GRIDS.items():
        world, generator = examples.open_grid(side), np.random.default_rng(0)
        many, few = (8, 2) if toy else (20_000, 50)
        jobs[f"sampled, {name}"] = _sampled(world, gamma, many, generator), many
        jobs[f"value iteration, {name}"] = _swept(world, gamma, few, generator), few
    star = examples.figure_1()
    jobs["exact, figure 1, all 8 states"] = lambda: impact.exact_power(star, 0.9), 1
    jobs["orbits, 8! permutations x 15 cases"] = lambda: _orbits(5 if not toy else 1), 1
    return jobs


def _sampled(
    world: NDArray[np.int64], gamma: float, draws: int, generator: np.random.Generator
) -> Callable[[], object]:
    return lambda: impact.sampled_power(world, gamma, draws, generator, tolerance=TOLERANCE)


def _swept(
    world: NDArray[np.int64], gamma: float, draws: int, generator: np.random.Generator
) -> Callable[[], object]:
    def run() -> object:
        rewards = generator.random((draws, len(world)))
        values = np.zeros_like(rewards)
        while True:
            new = (1 - gamma) * rewards + gamma * values[:, world].max(axis=-1)
            if np.abs(new - values).max() <= TOLERANCE * (1 - gamma):
                return new
            values = new

    return run


def _orbits(rewards: int) -> object:
    """Count the permutations in which right is optimal and left is not, at three discounts."""
    star, generator = examples.figure_1(), np.random.default_rng(0)
    counts = []
    for _ in range(rewards):
        every = impact.orbit(generator.random(8))
        for gamma in ORBIT_GAMMAS:
            found = impact.futures(star, examples.STAR, gamma)
            options = [found.beginning_with(action) for action in range(3)]
            held = impact.holds_optimum(options, every)
            counts.append(impact.compare_orbit(held[:, 2], held[:, 1]))
    return counts


if __name__ == "__main__":
    apart.main(measure)
