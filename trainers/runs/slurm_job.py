"""The work of a job of SLURM: train its runs side by side, and queue itself again in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel import models
from chisel.configs import ConfigError, SlurmConfig, Stopped
from chisel.trainers.runs.local import LocalLauncher
from chisel.trainers.runs.members import Member


@dataclass(frozen=True)
class Share:
    """The runs of one job. submitit calls this object in the job, each time that the job starts.

    SLURM sends SIGUSR2 to all processes of a job before its time is over, and SIGTERM before it
    takes the machine away. On both, runs save a checkpoint at the end of their iteration.
    """

    home: Path
    """Folder of the grid's jobs."""
    members: tuple[Member, ...]
    options: SlurmConfig

    def __call__(self) -> None:
        """Train the runs that have not ended in this job yet.

        Raises:
            RuntimeError: If some runs failed, so that SLURM marks the job as failed.
            SystemExit: If the job was told to end.
        """
        import submitit

        job = submitit.JobEnvironment().job_id
        codes = codes_of(self.home, job)
        left = [one for one in self.members if one.name not in codes]
        stopped, requeue = False, _requeue_of_submitit()
        with _alarm(self.options.time * 60 - self.options.signal_delay_s // 2, requeue):
            for member, outcome in LocalLauncher(len(left))(left) if left else ():
                if outcome is None:
                    continue
                stopped = stopped or outcome.stopped
                if not outcome.stopped:
                    codes[member.name] = outcome.code
                    models.write_file(_file(self.home, job), json.dumps(codes).encode())
        if stopped:
            _end(job, requeue)
        failed = [name for name, code in codes.items() if code != 0]
        if failed:
            raise RuntimeError(f"{len(failed)} of {len(codes)} runs failed: {', '.join(failed)}")

    def checkpoint(self) -> Any:
        """Return what submitit calls when the job starts again: this object, which resumes runs."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def codes_of(home: Path, job: str) -> dict[str, int]:
    """Return the exit codes of runs that have ended in a job, without those that were told to end.

    Args:
        home: Folder of the grid's jobs.
        job: Number of the job.
    """
    try:
        codes: dict[str, int] = json.loads(_file(home, job).read_text())
    except FileNotFoundError:
        return {}
    return codes


def queue() -> dict[str, str]:
    """Return the state of each of the user's jobs in SLURM, such as `12_0: RUNNING`.

    Raises:
        ConfigError: If SLURM does not answer.
    """
    command = ["squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%i %T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip().splitlines()
        raise ConfigError(f"SLURM doesn't answer: {said[-1]}") from error
    return dict(line.split() for line in done.stdout.splitlines() if line.strip())


def _file(home: Path, job: str) -> Path:
    return home / f"{job}.json"


def _end(job: str, requeue: Callable[[], None]) -> None:
    """End a job whose runs have saved checkpoints; queue it again if SLURM would not.

    If a user cancelled the job or had it queued again, SLURM already knows what to do. Otherwise
    its time is over or a job of higher priority comes, and a job that just ends would not return.
    """
    if "SLURM_JOB_ID" not in os.environ or queue().get(job) == "RUNNING":
        requeue()
    raise SystemExit(Stopped.exit_code)


def _requeue_of_submitit() -> Callable[[], None]:
    """Return the function that queues a job again; in submitit's debugger it does nothing."""
    handler = signal.getsignal(signal.SIGUSR2)

    def requeue() -> None:
        if callable(handler):
            handler(signal.SIGUSR2, None)

    return requeue


@contextmanager
def _alarm(seconds: int, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` after some seconds, even if runs have not saved their checkpoints yet.

    SLURM does not queue a job again that used all its time.
    """
    before = signal.signal(signal.SIGALRM, lambda *_: action())
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
