"""What a user sees when something is wrong: one line, the documented exit code, nothing lost."""

import random
import shutil

import pytest

from chisel import models
from tests.system.conftest import SMOKE, command_here, identical


@pytest.fixture
def chisel(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return command_here(capsys)


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run that a test may spoil."""
    return shutil.copytree(finished, tmp_path / "runs/maze/smoke/run")


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(chisel, run, finished):
    newest, older = sorted((run / "checkpoints").glob("*.ckpt"))[-1:-3:-1]
    data = bytearray(newest.read_bytes())
    data[random.Random(0).randrange(len(data))] ^= 0x10
    newest.write_bytes(data)
    _, err = chisel("resume", run)
    assert newest.name in err
    assert older.name in err
    assert identical(run, finished)


def test_without_a_valid_checkpoint_a_run_is_never_restarted(chisel, run):
    for path in (run / "checkpoints").glob("*.ckpt"):
        path.write_bytes(path.read_bytes()[:-100])
    before = (run / "metrics.csv").read_bytes()
    _, err = chisel("resume", run, code=3)
    assert len(err.strip().splitlines()) <= 5
    assert "Traceback" not in err
    assert (run / "metrics.csv").read_bytes() == before


def test_a_name_is_never_overwritten_and_an_automatic_one_never_collides(chisel, run):
    _, err = chisel("train", *SMOKE, "name=run", code=2)
    assert "chisel resume" in err
    chisel("train", *SMOKE, "frames=256")
    chisel("train", *SMOKE, "frames=256")
    assert len(list(run.parent.iterdir())) == 3


def test_a_resumed_run_refuses_to_train_something_else(chisel, run):
    _, err = chisel("resume", run, "algo.learning_rate=0.1", code=2)
    assert "init_from=" in err


def test_a_finished_run_goes_on_when_more_frames_are_asked_for(chisel, run):
    chisel("resume", run, "frames=2560")
    newest = models.latest_valid(run / "checkpoints", pytest.fail)
    assert models.iteration_of(newest) == 10
    iterations = [row.split(",")[0] for row in (run / "metrics.csv").read_text().splitlines()]
    assert iterations == ["iteration", *map(str, range(1, 11))]


def test_a_run_whose_checkpoints_were_deleted_is_never_restarted(chisel, run):
    shutil.rmtree(run / "checkpoints")
    chisel("resume", run, code=3)


def test_a_finished_run_is_left_as_it_is(chisel, run, finished):
    out, _ = chisel("resume", run)
    assert "frames=" in out
    assert (run / "metrics.csv").read_bytes() == (finished / "metrics.csv").read_bytes()
    assert identical(run, finished)


def test_a_missing_run_cannot_be_resumed(chisel, tmp_path):
    chisel("resume", tmp_path / "nothing", code=3)
