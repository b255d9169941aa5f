"""Run a benchmark in a process of its own, and time its parts.

A module that is measured in this way calls `main(measure)` when it is run as a script.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Measure(Protocol):
    """The function of a module that does its measurements."""

    def __call__(self, *, toy: bool, rounds: int) -> dict[str, Any]:
        """Measure with `rounds` turns of each contender; if `toy`, on tiny sizes."""


def run_apart(module: str, env: Mapping[str, str], *, toy: bool, rounds: int) -> dict[str, Any]:
    """Run the `measure` of a module in another process.

    Args:
        module: Name of the module.
        env: Environment variables of the process, besides the present ones.
        toy: Whether sizes are tiny; passed on to `measure`.
        rounds: Number of turns of each contender; passed on to `measure`.
    """
    command = [sys.executable, "-m", module, "--rounds", str(rounds), *(["--toy"] * toy)]
    done = subprocess.run(
        command, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True, check=True
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main(measure: Measure) -> None:
    """Read the options of the command line, measure, and print the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--rounds", type=int, required=True)
    print(json.dumps(measure(**vars(parser.parse_args()))))


def seconds_of(run: Callable[[], object], times: int = 1) -> dict[str, float]:
    """Run a function `times` times, and return the total seconds of wall clock and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        run()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
