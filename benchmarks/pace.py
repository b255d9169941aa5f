"""Run contenders in processes of their own, in turns of some iterations.

Each contender has its own threads, caches and memory, and is idle while another one runs, so that
other work on the machine disturbs all of them alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parents[1]


class Finished(BaseException):
    """Raised to leave a contender's training loop, past every `except Exception`."""


class Pace:
    """The contender's side, which pauses after the requested iterations until more are requested.

    Args:
        answers: File to which results are written, one JSON line each.
    """

    def __init__(self, answers: TextIO) -> None:
        self.counters: dict[str, Callable[[], float]] = {
            "wall_s": time.perf_counter,
            "cpu_s": time.process_time,
        }
        """Clocks that are read before and after iterations; an answer contains the differences."""
        self._answers = answers
        self._asked = 1  # the first iteration warms up
        self._begin()

    def _begin(self) -> None:
        self._left = self._asked
        self._at_start = {name: count() for name, count in self.counters.items()}

    def boundary(self) -> None:
        """Answer at the end of the last requested iteration, and wait for the next request.

        Raises:
            Finished: If nothing more is to be measured.
        """
        self._left -= 1
        if self._left:
            return
        counted = {n: count() - self._at_start.get(n, 0.0) for n, count in self.counters.items()}
        answer = {"iterations": self._asked, "peak_mib": _peak_mib(), **counted}
        print(json.dumps(answer), file=self._answers, flush=True)
        order = sys.stdin.readline().strip()
        if not order:
            raise Finished
        self._asked = int(order)
        self._begin()


class Contender:
    """The measuring side, which controls one contender's process.

    Args:
        name: Name in `benchmarks.contenders`.
        arguments: Other arguments of its command line.
    """

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.contenders", name, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict[str, Any]:
        """Wait for the requested iterations, and return the answer; the first is the warm-up's.

        Raises:
            RuntimeError: If the process has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with code {self._process.wait()}; see above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, iterations: int) -> dict[str, Any]:
        """Let the contender run some iterations, and return its answer."""
        assert self._process.stdin is not None
        print(iterations, file=self._process.stdin, flush=True)
        return self.answer()

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=120)


def _peak_mib() -> float:
    """Return the largest resident memory of this process so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")
