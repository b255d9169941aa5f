"""Data-parallel training through Lightning, on CPU with two processes."""

import csv
import shutil

import pytest

import models
from tests.system.conftest import SMOKE, command_in, final, identical

TWO = ["trainer.devices=2", "trainer.accelerator=cpu"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A finished run of two processes; tests must not change it."""
    folder = tmp_path_factory.mktemp("both")
    command_in(folder)("train", *SMOKE, *TWO, "name=two", "algo.target_kl=1e-6")
    return folder / "runs/maze/smoke/two"


@pytest.fixture
def run(both, tmp_path):
    return shutil.copytree(both, tmp_path / "runs/maze/smoke/two")


def test_two_processes_leave_one_checkpoint_with_the_state_of_both(run):
    _, iteration, ranks = final(run)
    assert iteration == 8
    assert len(ranks) == 2
    assert ranks[0]["collector"]["env"] != ranks[1]["collector"]["env"]
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
