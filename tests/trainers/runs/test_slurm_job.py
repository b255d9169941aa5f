"""A job of SLURM trains its runs, saves them when told to end, and goes on when it is back."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from chisel.configs import SlurmConfig
from chisel.trainers.runs.slurm_job import Share, codes_of

submitit = pytest.importorskip("submitit")

COUNTING = """
import os, pathlib, signal, sys, time
count = pathlib.Path("count")
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
done = int(count.read_text()) if count.exists() else 0
with open("starts", "a") as starts:
    print(os.getppid(), done, os.getpid(), file=starts)
pause, code = float(sys.argv[1]), int(sys.argv[2])
while done < 30 and not told:
    done += 1
    time.sleep(pause)
count.write_text(str(done))
print("counted to", done)
sys.exit(143 if done < 30 else code)
"""
"""Counts to 30; told to end, it saves how far it came and ends like a run."""


@dataclass(frozen=True)
class Counter:
    """What a launcher sees of a run."""

    name: str
    folder: Path
    pause: float = 0.0
    code: int = 0

    @property
    def command(self):
        program = f"import os; os.chdir({str(self.folder)!r}){COUNTING}"
        return [sys.executable, "-c", program, str(self.pause), str(self.code)]

    @property
    def log(self):
        return self.folder / "train.log"

    @property
    def starts(self):
        """The parent's number, how far it was, and its own number, for each start."""
        path = self.folder / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [tuple(map(int, line.split())) for line in lines]


@pytest.fixture
def counters(tmp_path):
    def make(*names, **options):
        for name in names:
            (tmp_path / name).mkdir()
        return tuple(Counter(name, tmp_path / name, **options) for name in names)

    return make


@pytest.fixture
def home(tmp_path):
    (tmp_path / "slurm").mkdir()
    return tmp_path / "slurm"


def test_the_runs_of_a_job_end_side_by_side_and_are_not_started_again(counters, home):
    members = counters("a", "b")
    executor = submitit.DebugExecutor(home)
    for _ in range(2):
        job = executor.submit(Share(home, members, SlurmConfig()))
        (home / f"{job.job_id}.json").write_text(json.dumps({"b": 0}))
        job.result()
        assert codes_of(home, job.job_id) == {"a": 0, "b": 0}
    assert len(members[0].starts) == 2
    assert members[1].starts == []


def test_a_run_that_fails_lets_the_others_end_and_fails_the_job(counters, home, monkeypatch):
    (bad,), (good,) = counters("bad", code=4), counters("good", pause=0.02)
    monkeypatch.setenv("SUBMITIT_DEBUG_JOB_ID", "7")
    with pytest.raises(RuntimeError, match="1 of 2 runs failed: bad"):
        Share(home, (bad, good), SlurmConfig(runs_per_job=2))()
    assert codes_of(home, "7") == {"bad": 4, "good": 0}
    assert "counted to 30" in good.log.read_text()


@pytest.fixture
def job(home, monkeypatch):
    """Job 7 of SLURM in this process: calls a share, and says how it ended and came back."""
    ends = []

    def requeue(*_):
        ends.append("queued again")
        sys.exit(-1)

    def call(share, state="RUNNING", tell=None):
        (home / "queue").write_text(f"7 {state}\n")
        timer = Timer(0, lambda: tell and tell(share.members))
        timer.start()
        try:
            share()
            ends.append("ended")
        except SystemExit as error:
            ends.append(error.code)
        timer.join()
        return ends

    (home / "squeue").write_text(f"#!/bin/sh\ncat {home}/queue\n")
    (home / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(home), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    before = signal.signal(signal.SIGUSR2, requeue)  # as submitit does before it calls a share
    yield call
    signal.signal(signal.SIGUSR2, before)


def send(number):
    """Send a signal to this process once all runs have started."""

    def tell(members):
        while not all(one.starts for one in members):
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(os.getpid(), number)

    return tell


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_job_that_is_to_end_saves_its_runs_is_queued_again_and_goes_on(
    number, counters, home, job
):
    members = counters("a", "b", pause=0.1)
    share = Share(home, members, SlurmConfig(runs_per_job=2))
    assert job(share, tell=send(number)) == ["queued again", -1]
    saved = [int((one.folder / "count").read_text()) for one in members]
    assert all(0 < count < 30 for count in saved)
    assert job(share) == ["queued again", -1, "ended"]
    assert [one.starts[1][1] for one in members] == saved
    assert codes_of(home, "7") == {"a": 0, "b": 0}


@pytest.mark.parametrize("state", ["COMPLETING", "PENDING"])
def test_a_job_that_its_user_ends_saves_and_leaves_the_rest_to_slurm(state, counters, home, job):
    (one,) = counters("a", pause=0.1)
    ends = job(Share(home, (one,), SlurmConfig()), state, tell=send(signal.SIGTERM))
    assert ends == [143]
    assert int((one.folder / "count").read_text()) > 0
    assert codes_of(home, "7") == {}


def test_a_run_that_is_too_slow_to_save_does_not_keep_its_job_from_coming_back(counters, home, job):
    (slow,) = counters("slow", pause=30)
    options = SlurmConfig(time=1, signal_delay_s=116)  # two seconds
    assert job(Share(home, (slow,), options)) == ["queued again", -1]
    assert not (slow.folder / "count").exists()


def test_a_run_that_is_killed_fails_the_job_and_the_other_ends(counters, home, monkeypatch):
    killed, good = counters("killed", "good", pause=0.1)
    monkeypatch.setenv("SUBMITIT_DEBUG_JOB_ID", "7")

    def kill():
        while not killed.starts:
            time.sleep(0.02)
        os.kill(killed.starts[0][2], signal.SIGKILL)

    Timer(0, kill).start()
    with pytest.raises(RuntimeError, match="1 of 2 runs failed: killed"):
        Share(home, (killed, good), SlurmConfig(runs_per_job=2))()
    assert codes_of(home, "7") == {"killed": -9, "good": 0}
