"""Train the runs of a grid side by side in processes on this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from chisel.configs import ChiselError, ConfigError, Stopped
from chisel.trainers.runs.callbacks import STOPPING
from chisel.trainers.runs.members import Member, Outcome, outcome_of
from chisel.trainers.runs.rundir import resume_command

POLL_SECONDS = 0.1
"""Seconds between checks whether a process has ended."""

_OF_FAULTS = {kind.exit_code for kind in ChiselError.__subclasses__()} - {Stopped.exit_code}


class LocalLauncher:
    """Trains several runs at a time; see `Launcher`.

    The signals in `STOPPING` are passed on as SIGTERM, on which every run saves a checkpoint at the
    end of its iteration. A second Ctrl-C kills the processes.

    Args:
        jobs: Number of runs at a time.

    Raises:
        ConfigError: If `jobs` is below 1.
    """

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise ConfigError(f"jobs={jobs}: must be 1 or more")
        self.jobs = jobs

    def __call__(self, members: Sequence[Member]) -> Iterator[tuple[Member, Outcome | None]]:
        """Train runs; see `Launcher`."""
        waiting, running = deque(members), dict[Member, subprocess.Popen[bytes]]()
        told = False
        try:
            with _signals() as received:
                while running or (waiting and not received):
                    while waiting and len(running) < self.jobs and not received:
                        member = waiting.popleft()
                        running[member] = _start(member)
                        yield member, None
                    if received and not told:
                        told = _tell(running, received[0])
                    if received[1:].count(signal.SIGINT):
                        command = resume_command(members[0].folder)
                        raise KeyboardInterrupt(f"go on from the last checkpoints with `{command}`")
                    yield from _ended(running, told)
                    time.sleep(POLL_SECONDS)
        finally:
            for process in running.values():
                process.kill()
                process.wait()


def _start(member: Member) -> subprocess.Popen[bytes]:
    with member.log.open("ab") as log:
        # A new session, so that a terminal's Ctrl-C reaches only this process, which passes it on.
        return subprocess.Popen(
            member.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _ended(
    running: dict[Member, subprocess.Popen[bytes]], told: bool
) -> Iterator[tuple[Member, Outcome]]:
    for member, process in list(running.items()):
        code = process.poll()
        if code is not None:
            del running[member]
            if told and code not in (0, *_OF_FAULTS):
                code = Stopped.exit_code  # during torch's import a signal can look like a failure
            yield member, outcome_of(member, code)


def _tell(running: dict[Member, subprocess.Popen[bytes]], received: signal.Signals) -> bool:
    again = "; Ctrl-C again ends at once" if received == signal.SIGINT else ""
    print(
        f"{received.name}: {len(running)} runs are saving at the end of their iterations{again}",
        file=sys.stderr,
    )
    for process in running.values():
        process.terminate()
    return True


@contextmanager
def _signals() -> Iterator[list[signal.Signals]]:
    """Collect the signals that end training in a list within the context."""
    received: list[signal.Signals] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))

    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return
    before = {number: signal.signal(number, note) for number in STOPPING}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
