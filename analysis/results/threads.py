"""Choose the number of torch's threads: one for each core that no other process keeps busy."""

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
"""Whether a `torch_threads` context is open, within which no other number is chosen."""


def choose_threads() -> int:
    """Return the number of threads that torch should use by default, at least 1.

    It is never more than torch would use by itself, and equal to that within a `torch_threads`
    context or if `OMP_NUM_THREADS` is set. Otherwise the choice is printed on standard error.
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
    """Return the number of cores usable by this process that other processes keep busy.

    It is the machine's load of the last minute or, if that is less, the number of tasks that want
    to run now, since the load still counts processes that have just ended. If cores were assigned
    to this process alone, for example by a cluster's scheduler, it is 0.
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
