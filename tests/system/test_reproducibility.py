"""Same seed, same bits: in fresh processes, after kills, after signals."""

import json
import random
import shutil
import signal
import time

import pytest
import torch

from chisel import models
from chisel.models import load_agent
from tests.system.conftest import SMOKE, final, identical


def test_fresh_processes_agree_whatever_the_hash_seed_and_the_games_threads(
    chisel, finished, tmp_path
):
    chisel("train", *SMOKE, "name=same", "env.num_threads=3", PYTHONHASHSEED="2")
    chisel("train", *SMOKE, "name=other", "seed=1")
    runs = tmp_path / "runs/maze/smoke"
    assert identical(runs / "same", finished)
    assert not identical(runs / "other", finished)


@pytest.mark.usefixtures("procgen")
def test_procgens_engine_trains_the_same_weights_with_any_threads(chisel, finished, tmp_path):
    chisel("train", *SMOKE, "name=procgen", "env.engine=procgen", "env.num_threads=4")
    theirs = load_agent(tmp_path / "runs/maze/smoke/procgen").model.state_dict()
    for name, weights in load_agent(finished).model.state_dict().items():
        assert torch.equal(weights, theirs[name]), name


@pytest.mark.slow
def test_where_compiled_code_cannot_be_kept_a_run_and_its_evaluation_are_the_same(
    chisel, finished, tmp_path
):
    # A place that holds no source but in a zip file: numba finds no folder for its files.
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator", "NUMBA_DEBUG_CACHE": "1"}
    uncached, kept = tmp_path / "runs/maze/smoke/uncached", tmp_path / "kept"
    shutil.copytree(finished, kept)
    out, _ = chisel("train", *SMOKE, f"name={uncached.name}", **nowhere)
    assert "[cache]" not in out  # numba names every file that it reads or writes
    assert identical(uncached, finished)
    chisel("eval", uncached, **nowhere)
    out, _ = chisel("eval", kept, NUMBA_DEBUG_CACHE="1")
    assert "[cache]" in out
    episodes = [(run / "studies/eval/eval.csv").read_bytes() for run in (uncached, kept)]
    assert episodes[0] == episodes[1]


def killed_and_resumed(chisel, finished, tmp_path, kills, number, options=()):
    """SIGKILL after a random number of logged iterations, then resume to the end."""
    moments = random.Random(number)
    iterations = final(finished)[1]
    landed = 0
    for attempt in range(3 * kills):
        run = tmp_path / f"runs/maze/smoke/killed-{attempt}"
        process = chisel("train", *SMOKE, *options, f"name={run.name}", wait=False)
        wait_until((run / "config.yaml").exists, process)
        logged = moments.randrange(iterations)
        wait_until(lambda run=run, logged=logged: rows(run) >= logged, process)
        time.sleep(moments.uniform(0, 0.05))
        landed += process.poll() is None  # a busy machine may wake this test too late
        process.kill()
        process.communicate()
        chisel("resume", run)
        assert identical(finished, run), f"the kill after {logged} iterations changed the outcome"
        if landed == kills:
            return
    pytest.fail(f"{landed} of {kills} kills came before the end")


def wait_until(happened, process, seconds=120):
    end = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_a_run_killed_at_a_random_moment_ends_with_the_bits_of_one_that_was_not(
    chisel, finished, tmp_path
):
    killed_and_resumed(chisel, finished, tmp_path, kills=1, number=0)


@pytest.mark.slow
@pytest.mark.usefixtures("procgen")
@pytest.mark.parametrize(
    "engine", [["env.engine=device", "trainer.accelerator=cpu"], ["env.engine=procgen"]]
)
def test_a_killed_run_of_another_engine_ends_with_the_bits_of_one_that_was_not(
    chisel, tmp_path, engine
):
    options = [*engine, "frames=6144"]
    whole = tmp_path / "runs/maze/smoke/whole"
    chisel("train", *SMOKE, *options, f"name={whole.name}")
    chisel("eval", whole)
    killed_and_resumed(chisel, whole, tmp_path, kills=2, number=2, options=options)


@pytest.mark.slow
def test_twenty_runs_killed_at_random_moments_end_with_the_bits_of_one_that_was_not(
    chisel, finished, tmp_path
):
    killed_and_resumed(chisel, finished, tmp_path, kills=20, number=1)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        signal.SIGINT,
        pytest.param(signal.SIGUSR1, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR2, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_at_the_next_boundary_with_a_checkpoint_and_exit_143(
    number, chisel, tmp_path
):
    run = tmp_path / "runs/maze/smoke/stopped"
    options = ["frames=256000", "trainer.checkpoint_every=100000"]
    process = chisel("train", *SMOKE, *options, "name=stopped", wait=False)
    wait_until(lambda: rows(run) >= 2, process)
    before = rows(run)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"chisel resume {run.relative_to(tmp_path)}" in err
    newest = models.latest_valid(run / "checkpoints", pytest.fail)
    assert models.iteration_of(newest) == rows(run) <= before + 3


def rows(run):
    log = run / "metrics.csv"
    return max(0, len(log.read_text().splitlines()) - 1) if log.exists() else 0


@pytest.mark.slow
def test_a_group_whose_second_seed_was_killed_resumes_and_is_summarised(chisel, finished, tmp_path):
    group = tmp_path / "runs/maze/smoke/killed"
    process = chisel("train", *SMOKE, "name=killed", "seed=0,1,2", wait=False)
    wait_until((group / "seed-1/config.yaml").exists, process)
    process.kill()
    process.communicate()
    assert not (group / "studies").exists()
    chisel("resume", group)
    assert identical(group / "seed-0", finished)
    assert not identical(group / "seed-1", finished)
    chisel("train", *SMOKE, "name=second", "seed=1")
    assert identical(group / "seed-1", group.parent / "second")
    summary = json.loads((group / "studies/compare/compare.json").read_text())
    success = summary["lines"][0]["last"]["charts/success"]
    assert success["n"] == 3
    assert success["low"] <= success["value"] <= success["high"]
