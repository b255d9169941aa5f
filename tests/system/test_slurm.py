"""Runs in jobs of submitit's local executor, which ends and restarts them as SLURM does."""

import os
import signal
import time
from pathlib import Path

import pytest

from chisel import configs
from chisel.configs import SlurmConfig
from chisel.trainers.runs.members import Member
from chisel.trainers.runs.plans import write_plans
from chisel.trainers.runs.slurm_job import Share
from tests.system.conftest import SMOKE, identical

submitit = pytest.importorskip("submitit")


def processes(number):
    """A process and all that it started."""
    started = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    return [number, *(one for child in started for one in processes(int(child)))]


def rows(run):
    log = run / "metrics.csv"
    return len(log.read_text().splitlines()) - 1 if log.exists() else 0


def after_rows(run, number, job):
    for _ in range(6000):
        if rows(run) >= number:
            return
        assert job.state == "RUNNING", job.stderr()
        time.sleep(0.02)
    raise AssertionError(f"no {number} rows in two minutes")


@pytest.mark.slow
def test_a_job_killed_submitted_anew_told_to_end_and_queued_again_ends_with_the_same_bits(
    finished, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    home, grid = tmp_path / "slurm", tmp_path / "grid"
    run = grid / "seed-0"
    run.mkdir(parents=True)
    config = configs.load(SMOKE[0], [*SMOKE[1:], "env.num_threads=1", "name=run"])
    write_plans(grid, {"seed-0": config})
    executor = submitit.LocalExecutor(home)
    executor.update_parameters(timeout_min=20)
    share = Share(home, (Member("seed-0", run, config),), SlurmConfig())

    job = executor.submit(share)
    after_rows(run, 3, job)
    for number in processes(int(job.job_id)):
        os.kill(number, signal.SIGKILL)
    assert rows(run) < 8

    job = executor.submit(share)
    after_rows(run, 5, job)
    _, in_job, *_ = processes(int(job.job_id))
    os.kill(in_job, signal.SIGUSR2)
    job.result()
    assert "Requeued job" in job.stdout()
    assert identical(run, finished)
