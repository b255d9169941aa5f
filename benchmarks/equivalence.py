"""`python -m benchmarks.equivalence`: test whether fast paths learn the same as the plain path.

All arms train from the same seeds on mazes of 3×3. `docs/reference/speed.md` gives the difference
that counts, which was chosen before the first measurement. The results go to
`benchmarks/results/equivalence.json` after every seed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import machine
from chisel import configs
from chisel.analysis.results import mean_over_seeds
from chisel.trainers import train

SETTING = (
    "env.num_envs=32",
    "env.timeout=30",
    "env.levels.max_size=3",
    "env.levels.set_size=500",
    "model.channels=[8,16,16]",
    "model.hidden=64",
    "algo.learning_rate=1e-3",
    "algo.gamma=0.95",
    "frames=32_768",  # 32 iterations
    "trainer.checkpoint_every=32",
    "trainer.threads=1",
    "trainer.accelerator=cpu",
)
PLAIN = "native engine, float32"
ARMS = {
    PLAIN: ("env.engine=native",),
    "device engine": ("env.engine=device",),
    "bf16": ("env.engine=native", "trainer.precision=bf16-mixed"),
    "compiled": ("env.engine=native", "trainer.compile=true"),
}
MARGIN = 0.05
"""Two arms are equivalent if the 95 % interval of their difference lies between minus and plus this
share of episodes."""


def measure(
    arms: Sequence[str], seeds: Sequence[int], out: Path, settings: Sequence[str] = SETTING
) -> dict[str, Any]:
    """Train every arm from every seed, in turns.

    Args:
        arms: Names of `ARMS`.
        seeds: Seeds of the trainings.
        out: File to which the result so far is written after every seed.
        settings: Overrides of `maze/smoke` that all arms share.

    Returns:
        By arm and measure, the value of each seed; for fast arms also the difference to the plain
        arm, with its mean over seeds, its interval, and whether that lies within the margin.
    """
    values: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    for number, seed in enumerate(seeds, start=1):
        for arm in arms:
            values[arm].append(_learned(seed, (*settings, *ARMS[arm])))
            print(f"seed {seed}, {arm}: {values[arm][-1]}", flush=True)
        result = {
            "machine": machine.stamp(),
            "margin": MARGIN,
            "seeds": list(seeds[:number]),
            "settings": list(settings),
            "arms": {
                arm: {
                    "values": values[arm],
                    "difference": {} if arm == PLAIN else _difference(values[PLAIN], values[arm]),
                }
                for arm in arms
            },
        }
        out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return result


def _learned(seed: int, settings: Sequence[str]) -> dict[str, float]:
    """Train once.

    Returns:
        The share of episodes that reach the cheese, mean over all iterations (the curve) and over
        the last quarter of them (the end), and the CPU-seconds of the training.
    """
    begin = time.process_time()
    with TemporaryDirectory() as folder:
        config = configs.load("maze/smoke", [*settings, f"seed={seed}", f"runs_dir={folder}"])
        success = pd.read_csv(train(config) / "metrics.csv")["charts/success"]
    last = success.iloc[-max(len(success) // 4, 1) :]
    spent = time.process_time() - begin
    return {"curve": float(success.mean()), "end": float(last.mean()), "cpu_s": spent}


def _difference(
    plain: Sequence[dict[str, float]], fast: Sequence[dict[str, float]]
) -> dict[str, Any]:
    """Return the paired difference of each measure, fast minus plain."""
    found = {}
    for name in ("curve", "end"):
        pairs = [ours[name] - theirs[name] for ours, theirs in zip(fast, plain, strict=True)]
        mean = mean_over_seeds(np.array(pairs))
        within = bool(mean.low > -MARGIN and mean.high < MARGIN)  # without an interval: no
        found[name] = {"mean": mean.value, "interval": [mean.low, mean.high], "equivalent": within}
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--out", default="benchmarks/results/equivalence.json")
    given = parser.parse_args()
    arms = [PLAIN, *(arm for arm in given.arms if arm != PLAIN)]
    found = measure(arms, range(given.first, given.first + given.seeds), Path(given.out))
    for arm in arms[1:]:
        for name, one in found["arms"][arm]["difference"].items():
            low, high = one["interval"]
            verdict = "equivalent" if one["equivalent"] else "not shown to be equivalent"
            print(f"{arm}, {name}: {one['mean']:+.3f} ({low:+.3f}, {high:+.3f}), {verdict}")


if __name__ == "__main__":
    main()
