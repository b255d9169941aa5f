"""A job of SLURM trains its runs, saves them when it is told to end, and goes on when it is back."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
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
    print(os.getppid(), done, file=starts)
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
        """The process that started it and how far it was, for each start."""
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
def submit(home):
    """Hand a share to submitit's local executor."""

    def send(members, **options):
        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        executor = submitit.LocalExecutor(home, max_num_timeout=3)
        executor.update_parameters(timeout_min=5)
        return executor.submit(Share(home, members, SlurmConfig(**options)))

    yield send
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def wait_for(condition, job):
    for _ in range(1200):
        if found := condition():
            return found
        assert job.state == "RUNNING", job.stderr()
        time.sleep(0.1)
    raise AssertionError("waited for two minutes")


def test_a_job_whose_time_is_over_is_queued_again_and_its_runs_go_on(counters, home, submit):
    members = counters("a", "b", pause=0.1)
    job = submit(members)
    wait_for(lambda: all(one.starts for one in members), job)
    os.kill(members[0].starts[0][0], signal.SIGUSR2)  # as SLURM does before the end
    wait_for(lambda: all(len(one.starts) == 2 for one in members), job)
    job.result()
    for one in members:
        (_, first), (_, second) = one.starts
        assert first == 0
        assert 0 < second < 30, "the second start goes on where the first was told to end"
        assert "counted to 30" in one.log.read_text()
    assert codes_of(home, job.job_id) == {"a": 0, "b": 0}


def test_runs_that_do_not_end_in_time_do_not_keep_their_job_from_being_queued_again(
    counters, home, submit
):
    (slow,) = counters("slow", pause=0.2)
    job = submit((slow,), time=1, signal_delay_s=114)  # three seconds until it is queued again
    wait_for(lambda: len(slow.starts) == 2, job)
    assert slow.starts[1][1] == 0, "it was ended without having saved"
    os.kill(slow.starts[1][0], signal.SIGKILL)


@pytest.mark.parametrize(("state", "starts"), [("COMPLETING", 1), ("RUNNING", 2)])
def test_a_job_that_loses_its_machine_comes_back_and_one_that_is_cancelled_does_not(
    state, starts, counters, home, submit, monkeypatch
):
    (one,) = counters("a", pause=0.1)
    (home / "squeue").write_text(f"#!/bin/sh\ncat {home}/queue\n")
    (home / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(home), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "5")
    job = submit((one,))
    (home / "queue").write_text(f"{job.job_id} {state}\n")
    wait_for(lambda: one.starts, job)
    os.kill(one.starts[0][0], signal.SIGTERM)
    while job.state == "RUNNING":
        time.sleep(0.1)
    assert len(one.starts) == starts
    assert int((one.folder / "count").read_text()) > 0, "it saved how far it came"
    assert codes_of(home, job.job_id) == ({"a": 0} if starts == 2 else {})
