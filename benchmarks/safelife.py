"""Measure steps per second of SafeLife, observations and automatic resets included.

Milliseconds per generated level and per measurement of side effects are measured too. Contenders
take turns: boards that stand still and boards with spawners, packed views or planes, one thread or
two. Actions are random.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import apart, safelife_levels
from chisel.configs import RampConfig, SafeLifeConfig
from chisel.envs.safelife import LevelCycle, make_from_levels, read_levels

LEVELS = Path(__file__).parents[1] / "tests" / "analysis" / "safelife" / "traces"
"""Levels of append-spawn, append-still and prune-still-easy."""
STILL, SPAWN = ("prune-left", "still-1.2"), ("spawn-greedy",)
CONTENDERS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "still, one thread": (STILL, {}),
    "still, two threads": (STILL, {"num_threads": 2}),
    "spawn, one thread": (SPAWN, {}),
    "spawn, two threads": (SPAWN, {"num_threads": 2}),
    "spawn, one thread, counter-based draws": (SPAWN, {"draws": "counter"}),
    "spawn, one thread, planes": (SPAWN, {"view": "planes"}),
    "spawn, one thread, as training wraps it": (
        SPAWN,
        {
            "movement_bonus": 0.1,
            "exit_bonus": 0.5,
            "side_effect_penalty": RampConfig(1.0, 1.0),
        },
    ),
}
"""Levels and options of each contender."""


def measure_apart(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Run `measure` in a process of its own."""
    return apart.run_apart(__name__, {"OMP_NUM_THREADS": "1"}, toy=toy, rounds=rounds)


def measure(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Time all contenders in turns.

    Args:
        toy: Whether to take few boards and steps, to see that the harness works.
        rounds: Number of turns of each contender.

    Returns:
        Under `contenders` the seconds of every turn, and the medians of environment steps per
        second of CPU time and of wall clock; under `level_ms` and `metric_ms` the milliseconds of a
        generated level and of a measurement of side effects.
    """
    boards, steps = (8, 4) if toy else (256, 200)
    turns = {name: _player(boards, steps, *given) for name, given in CONTENDERS.items()}
    spent: dict[str, list[dict[str, float]]] = {name: [] for name in turns}
    for number in range(rounds + 1):
        for name, turn in turns.items():
            seconds = apart.seconds_of(turn)
            if number:  # the first round compiles
                spent[name].append(seconds)
    made = boards * steps
    return {
        **safelife_levels.measure(toy=toy),
        "boards": boards,
        "steps": steps,
        "contenders": {
            name: {
                "turns": some,
                "per_cpu_s": made / median(one["cpu_s"] for one in some),
                "per_wall_s": made / median(one["wall_s"] for one in some),
            }
            for name, some in spent.items()
        },
    }


def _player(
    boards: int, steps: int, names: tuple[str, ...], options: dict[str, Any]
) -> Callable[[], None]:
    """Return a function that plays some steps of all boards."""
    chosen = [level for level in read_levels(str(LEVELS)) if Path(level.name).stem in names]
    config = SafeLifeConfig(num_envs=boards, **options)
    env = make_from_levels(config, LevelCycle(chosen), seed=0)
    env.reset()
    actions = np.random.default_rng(0).integers(0, 9, (steps, boards))

    def play() -> None:
        for row in actions:
            env.step(row)

    return play


if __name__ == "__main__":
    apart.main(measure)
