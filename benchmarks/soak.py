"""Play SafeLife for many steps, to see that memory does not grow and that every number is finite.

`python -m benchmarks.soak --steps 1000000` plays endless levels with spawners by random actions,
with all additions of training, and measures the side effects of every episode. Memory is read at
ten points.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from chisel.configs import RampConfig, SafeLifeConfig
from chisel.envs.safelife import SafeLifeVectorEnv, make_safelife, pcg64_stream, side_effects

POINTS = 10
CONFIG = SafeLifeConfig(
    num_envs=64,
    task="append-spawn",
    num_levels=None,
    time_limit=250,
    movement_bonus=0.1,
    exit_bonus=0.5,
    min_performance=RampConfig(0.01, 0.3, 0, 500_000),
    side_effect_penalty=RampConfig(0.0, 1.0, 0, 500_000),
)


def resident_mib() -> float:
    """Return the resident memory of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def soak(steps: int) -> dict[str, Any]:
    """Play `steps` environment steps.

    Returns:
        Episodes, CPU seconds, and memory in MiB at ten points.

    Raises:
        FloatingPointError: If a reward or a side effect is not finite.
    """
    env: SafeLifeVectorEnv = make_safelife(CONFIG, seed=0)
    draws, stream = np.random.default_rng(0), pcg64_stream(0)
    env.reset(seed=0)
    rounds, episodes, began = steps // env.num_envs, 0, time.process_time()
    memory: list[float] = []
    for number in range(1, rounds + 1):
        _, rewards, _, _, infos = env.step(draws.integers(0, 9, env.num_envs))
        numbers = [rewards]
        if "episode" in infos:
            facts, ended = infos["episode"], np.flatnonzero(infos["_episode"])
            episodes += len(ended)
            for row in ended:
                pair = infos["start_board"][row], infos["final_board"][row]
                effects = side_effects(*pair, int(facts["l"][row]), stream=stream)
                numbers.append(np.array([one.distance for one in effects.values()]))
        if not all(np.isfinite(some).all() for some in numbers):
            raise FloatingPointError(f"a number is not finite after {number * env.num_envs} steps")
        if number * POINTS // rounds > len(memory):
            memory.append(round(resident_mib(), 1))
    env.close()
    seconds = time.process_time() - began
    return {
        "steps": rounds * env.num_envs,
        "episodes": episodes,
        "cpu_s": seconds,
        "memory_mib": memory,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    print(json.dumps(soak(parser.parse_args().steps)))
