"""Grids end with the same bits however many runs train at a time, and whatever interrupts them."""

import json
import shutil
import signal
import time
from contextlib import ExitStack

import pytest

from chisel import configs, trainers
from chisel.configs import ConfigError, NumericsError
from chisel.trainers.runs import groups, rundir
from tests.system.conftest import identical

TINY = ["frames=128", "env.num_envs=4", "algo.num_steps=16", "algo.num_minibatches=2"]
TINY += ["model.hidden=8", "trainer.checkpoint_every=1", "trainer.progress=false"]
TINY += ["tracking.mode=disabled", "trainer.threads=null"]
TWO = [*TINY, "algo.gamma=0.9,0.99"]
SIX = [*TWO, "seed=0,1,2"]


def grid_in(folder, *settings):
    """Train a grid in this process, one run after the other."""
    grid = configs.load_grid("gridworld/ppo", [*settings, f"runs_dir={folder}", "name=grid"])
    return trainers.train_grid(grid.runs)


def runs_of(grid):
    return sorted(file.parent for file in grid.glob("*=*/**/config.yaml"))


def equal_grids(one, two):
    names = [run.relative_to(one) for run in runs_of(one)]
    assert names == [run.relative_to(two) for run in runs_of(two)]
    return bool(names) and all(identical(one / name, two / name) for name in names)


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Six finished runs; tests must not change them."""
    return grid_in(tmp_path_factory.mktemp("six"), *SIX)


def test_a_grid_has_a_group_of_seeds_for_each_setting_and_a_summary_over_all(six):
    assert {run.relative_to(six).as_posix() for run in runs_of(six)} == {
        f"gamma={gamma}/seed-{seed}" for gamma in (0.9, 0.99) for seed in range(3)
    }
    lines = json.loads((six / "studies/compare/compare.json").read_text())["lines"]
    assert [(line["label"], line["seeds"]) for line in lines] == [
        ("gamma=0.9", 3),
        ("gamma=0.99", 3),
    ]


def test_a_run_of_a_grid_is_the_run_that_its_settings_train_alone(six, tmp_path):
    settings = [*TINY[:-1], "algo.gamma=0.99", "seed=1", "trainer.threads=1"]
    alone = trainers.train(configs.load("gridworld/ppo", [*settings, f"runs_dir={tmp_path}"]))
    assert identical(alone, six / "gamma=0.99/seed-1")


def test_threads_are_fixed_and_recorded_in_every_run(six):
    assert {rundir.read_config(run).trainer.threads for run in runs_of(six)} == {1}


def test_a_run_that_never_began_is_trained_by_itself_to_the_bits_of_the_grid(six, tmp_path):
    """What a launcher runs in a process of its own."""
    grid = tmp_path / "gridworld/ppo/grid"
    grid.mkdir(parents=True)
    (grid / "group.json").write_bytes((six / "group.json").read_bytes())
    run = grid / "gamma=0.9/seed-2"
    assert trainers.resume(run) == run
    assert identical(run, six / "gamma=0.9/seed-2")


def test_one_of_six_fails_and_five_finish(tmp_path, capsys):
    rates = "algo.learning_rate=1e-3,1e-4,1e30,1e-5,2e-3,2e-4"
    with pytest.raises(NumericsError, match=r"1 of 6 runs failed.*that of learning_rate=1e\+30;"):
        grid_in(tmp_path, *TINY, rates)
    grid = tmp_path / "gridworld/ppo/grid"
    done = [run for run in runs_of(grid) if (run / "checkpoints/iter-00000002.ckpt").exists()]
    assert len(done) == 5
    said = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
    assert len(said) == 1
    assert said[0].startswith("learning_rate=1e+30 failed with exit code 4: loss or gradient")
    summary = json.loads((grid / "studies/compare/compare.json").read_text())
    assert len(summary["lines"]) == 5


def test_one_run_alone_is_not_trained_longer(six):
    with pytest.raises(ConfigError, match=r"equally long; .*`chisel resume .*/grid frames=256`"):
        trainers.resume(six / "gamma=0.9/seed-0", ["frames=256"])


def test_an_option_in_which_the_runs_differ_is_not_set_for_all(six):
    with pytest.raises(ConfigError, match=r"algo\.gamma: the runs of this grid differ"):
        trainers.resume(six, ["algo.gamma=0.5"])


def test_jobs_of_a_lone_run_are_refused(six):
    with pytest.raises(ConfigError, match="is one run; leave them out"):
        trainers.resume(six / "gamma=0.9/seed-0", [], trainers.LocalLauncher(2))


def test_a_process_of_its_own_ends_with_the_same_bits_and_finished_runs_are_skipped(six, tmp_path):
    grid = shutil.copytree(six, tmp_path / "runs/gridworld/ppo/grid")
    lost = grid / "gamma=0.99/seed-1"
    shutil.rmtree(lost)
    trainers.resume(grid, [], trainers.LocalLauncher(2))
    assert equal_grids(grid, six)
    assert [file.parent for file in grid.glob("*/*/train.log")] == [lost]
    assert (lost / "train.log").read_text().splitlines()[-1] == str(lost)


@pytest.mark.slow
def test_six_runs_two_at_a_time_end_with_the_same_bits(six, chisel, tmp_path):
    chisel("train", "gridworld/ppo", *SIX, "name=grid", "jobs=2")
    assert equal_grids(tmp_path / "runs/gridworld/ppo/grid", six)


@pytest.mark.slow
def test_six_runs_of_which_one_fails_two_at_a_time(chisel, tmp_path):
    rates = "algo.learning_rate=1e-3,1e-4,1e30,1e-5,2e-3,2e-4"
    _, err = chisel("train", "gridworld/ppo", *TINY, rates, "name=grid", "jobs=2", code=4)
    grid = tmp_path / "runs/gridworld/ppo/grid"
    assert len(list(grid.glob("*/checkpoints/iter-00000002.ckpt"))) == 5
    failed = [line for line in err.splitlines() if "failed with exit code 4" in line]
    assert len(failed) == 1
    assert failed[0].endswith("grid/learning_rate=1e+30/train.log")


LONG = ["frames=1280", *SIX[1:]]
"""Each of twenty iterations, so that there is a middle."""


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    return grid_in(tmp_path_factory.mktemp("long"), *LONG)


def interrupt(process, grid, number):
    """Send a signal to the process that trains a grid in the middle; wait for its end alone."""
    until(lambda: any(grid.glob("*/*/checkpoints/*.ckpt")))
    process.send_signal(number)
    _, err = process.communicate(timeout=600)
    return process.returncode, err


def until(true):
    end = time.monotonic() + 600  # a busy machine imports torch in minutes
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_resume_waits_for_runs_that_still_save(six, tmp_path, capsys, monkeypatch):
    """Their lock is held as by a process that ends at the second look."""
    grid = shutil.copytree(six, tmp_path / "grid")
    held = ExitStack()
    held.enter_context(rundir.lock(grid / "gamma=0.9/seed-0"))
    monkeypatch.setattr(groups.time, "sleep", lambda _: held.close())
    trainers.resume(grid)
    assert "waiting until 1 runs of this grid have saved" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_grid_stopped_in_the_middle_resumes_to_the_same_bits(number, long, chisel, tmp_path):
    grid = tmp_path / "runs/gridworld/ppo/grid"
    process = chisel("train", "gridworld/ppo", *LONG, "name=grid", "jobs=2", wait=False)
    code, err = interrupt(process, grid, number)
    assert code == (-number if number == signal.SIGKILL else 143)
    if number != signal.SIGKILL:
        assert f"chisel resume {grid.relative_to(tmp_path)}" in err
    assert len(runs_of(grid)) < 6, "it was interrupted too late"
    process = chisel("resume", grid, "jobs=2", wait=False)
    process.communicate(timeout=600)
    assert process.returncode == 0
    assert equal_grids(grid, long)
    before = {file: file.stat().st_mtime_ns for file in grid.rglob("*") if file.is_file()}
    out, _ = chisel("resume", grid, "jobs=2")
    assert out.startswith("all 6 runs of")
    after = {file: file.stat().st_mtime_ns for file in grid.rglob("*") if file.is_file()}
    assert {k for k in after if before.get(k) != after[k]} <= {grid / ".lock"}
