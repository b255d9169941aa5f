"""Data-parallel training through Lightning, on CPU with two processes."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chisel import models
from tests.system.conftest import SMOKE, command_in, final, identical

TWO = ["trainer.devices=2", "trainer.accelerator=cpu"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A finished run of two processes; tests must not change it."""
    folder = tmp_path_factory.mktemp("both")
    out, _ = command_in(folder)("train", *SMOKE, *TWO, "name=two", "algo.target_kl=1e-6")
    assert out.split() == ["runs/maze/smoke/two"]
    return folder / "runs/maze/smoke/two"


@pytest.fixture
def run(both, tmp_path):
    return shutil.copytree(both, tmp_path / "runs/maze/smoke/two")


def test_two_processes_leave_one_checkpoint_with_the_state_of_both(run):
    _, iteration, ranks = final(run)
    assert iteration == 8
    assert len(ranks) == 2
    games, dealers = (
        [rank["collector"]["env"][k] for rank in ranks] for k in ("games", "level_sampler")
    )
    assert games[0] != games[1]
    assert dealers[0]["set_digest"] == dealers[1]["set_digest"], "one level set of levels for both"
    with (run / "metrics.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [int(row["env_steps"]) for row in rows] == [256 * n for n in range(1, 9)]


def test_two_processes_resume_to_the_same_bits(run, both, chisel):
    for path in (run / "checkpoints").glob("*.ckpt"):
        if models.iteration_of(path) > 6:
            path.unlink()
    chisel("resume", run)
    assert identical(run, both)


def test_a_run_of_two_processes_cannot_be_resumed_by_one(run, chisel):
    _, err = chisel("resume", run, "trainer.devices=1", "frames=4096", code=3)
    assert "2 processes" in err


SECOND_FAILS = """
from chisel import configs, trainers
from chisel.configs import NumericsError
from chisel.trainers.runs.distributed import rank
from chisel.trainers.onpolicy.ppo import PPO

finish = PPO.finish

def bad_in_the_second(self, buffer, last_values):
    if rank() == 1:
        raise NumericsError("advantages are not finite")
    finish(self, buffer, last_values)

PPO.finish = bad_in_the_second
trainers.train(configs.load("maze/smoke", ["name=bad", "trainer.devices=2",
    "trainer.accelerator=cpu", "trainer.progress=false", "trainer.threads=1"]))
"""


@pytest.mark.slow
def test_the_second_process_saves_its_batch_with_a_nan_in_the_runs_folder(tmp_path):
    (tmp_path / "script.py").write_text(SECOND_FAILS)
    command = [sys.executable, "script.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode != 0
    run = Path("runs/maze/smoke/bad")
    assert f"batch saved in {run}/crash/iter-00000001-rank1.pt" in done.stderr
    assert (tmp_path / run / "crash/iter-00000001-rank1.pt").is_file()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["maze"]
