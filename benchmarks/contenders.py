"""Run one contender: `python -m benchmarks.contenders NAME PRECISION [--toy] [--num-steps N]`.

Each contender has a process of its own, which `benchmarks.pace` controls.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.pace import Finished, Pace
from benchmarks.setting import Setting

FOREVER = 10**9
"""Number of frames of a training that no measurement reaches."""


def chisel(setting: Setting, pace: Pace) -> None:
    """Run the whole of `trainers.train`, timed from one row of its log to the next."""
    from chisel import trainers
    from chisel.trainers.logging.csv_log import CsvLog

    write = CsvLog.write

    def write_and_wait(
        log: CsvLog, metrics: Mapping[str, float], iteration: int, env_steps: int
    ) -> None:
        write(log, metrics, iteration, env_steps)
        pace.boundary()

    CsvLog.write = write_and_wait  # type: ignore[method-assign, assignment]  # the one hook
    with tempfile.TemporaryDirectory() as folder:
        trainers.train(setting.config([f"runs_dir={folder}", f"frames={FOREVER}"]))


def chisel_parts(setting: Setting, pace: Pace) -> None:
    """Run `trainers.train` with a stopwatch inside; see `benchmarks.share`."""
    from benchmarks import share

    watch = share.watch_ppo()
    pace.counters["own_s"] = lambda: watch.seconds
    chisel(setting, pace)


def sb3(setting: Setting, pace: Pace) -> None:
    """Run Stable-Baselines3's PPO."""
    from benchmarks import peer_sb3

    peer_sb3.learn(setting.config(), pace.boundary)


def passes(setting: Setting, pace: Pace) -> None:
    """Run the network passes alone, whose speed no PPO on this network can exceed."""
    from benchmarks import bound

    bound.run(setting.config(), pace.boundary)


CONTENDERS: dict[str, Callable[[Setting, Pace], None]] = {
    one.__name__: one for one in (chisel, chisel_parts, sb3, passes)
}


def main() -> None:
    """Run one contender until it is told to stop."""
    parser = argparse.ArgumentParser(prog="benchmarks.contenders", description=__doc__)
    parser.add_argument("name", choices=sorted(CONTENDERS))
    parser.add_argument("precision", choices=("32-true", "bf16-mixed"))
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--num-steps", type=int)
    parser.add_argument("--safelife", action="store_true")
    given = parser.parse_args()
    # Only answers go to standard output; whatever else is printed goes to standard error.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    setting = Setting(given.precision, given.toy, given.num_steps, given.safelife)
    try:
        CONTENDERS[given.name](setting, Pace(answers))
    except Finished:
        return


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
