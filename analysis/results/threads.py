"""Choose how many threads torch uses: one for each core that nothing else keeps busy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import joblib
import torch

_LOAD = Path("/proc/loadavg")
_settled: ContextVar[bool] = ContextVar("settled", default=False)
"""Whether a `torch_threads` context is open, so that what runs in it chooses nothing of its own."""


def choose_threads() -> int:
    """Return the number of threads that torch should use where nobody says one, at least 1.

    It is never more than torch would use by itself, and all of that within a `torch_threads`
    context or where `OMP_NUM_THREADS` is set. Otherwise the choice is printed on standard error.
    """
    most = torch.get_num_threads()
    if _settled.get() or "OMP_NUM_THREADS" in os.environ:
        return most
    usable, busy = int(joblib.cpu_count()), busy_cores()
    free = min(usable, (os.cpu_count() or 1) - round(busy))
    chosen = max(1, min(most, free))
    print(
        f"note: torch threads: {chosen} ({usable} cores, load {busy:.1f}); threads=N sets another "
        "number, trainer.threads=N in training",
        file=sys.stderr,
    )
    return chosen


def busy_cores() -> float:
    """Return how many cores other processes keep busy that this one may use, too.

    It is the machine's load of the last minute or, if that is less, the number of tasks that want
    to run now: the load also counts what has just ended, such as a user's command before this one.
    Of cores that were assigned to this process, by a cluster's scheduler for example, it is 0.
    """
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < (os.cpu_count() or 1):
        return 0.0
    with suppress(OSError, ValueError):
        last_minute, _, _, tasks, _ = _LOAD.read_text().split()
        return min(float(last_minute), float(tasks.partition("/")[0]) - 1)  # itself runs, too
    with suppress(OSError, AttributeError):  # Windows measures no load
        return os.getloadavg()[0]
    return 0.0


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Set torch's CPU threads within the context, and restore them afterwards.

    Args:
        number: Number of threads, at least 1.
    """
    before, token = torch.get_num_threads(), _settled.set(True)
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _settled.reset(token)
