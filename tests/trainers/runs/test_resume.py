"""A run that stops at any boundary and goes on ends with the bits of one that didn't stop."""

import dataclasses
import errno
import os

import pytest

from chisel import models
from chisel.configs import CheckpointError
from chisel.trainers.runs.callbacks import LogIteration
from chisel.trainers.runs.checkpoint import IterationCheckpoint
from tests.trainers.conftest import EXPERTS, fit, make_ppo, same, weights
from tests.trainers.worlds import Corridor

ITERATIONS = 8
VARIANTS = {
    "plain": ({}, "32-true"),
    "bf16": ({}, "bf16-mixed"),
    "kl-stop": ({"target_kl": 1e-4, "update_epochs": 4}, "32-true"),
    "bootstrapped": ({}, "32-true"),
    "routed": ({"routing": EXPERTS}, "32-true"),
    "dropped": ({"routing": dataclasses.replace(EXPERTS, drop={"corner": 0.5})}, "32-true"),
    "routed-values": ({"routing": dataclasses.replace(EXPERTS, values="routed")}, "32-true"),
    "routed-bf16": ({"routing": EXPERTS}, "bf16-mixed"),
}


def variant(name, seed=0):
    options, precision = VARIANTS[name]
    env = Corridor(timeout=6, final_obs=name == "bootstrapped")
    return make_ppo(env, iterations=ITERATIONS, seed=seed, **options), precision


def saver(folder, **options):
    return IterationCheckpoint(
        folder, **({"every": 1, "keep_last": 99, "keep_every": None, "on_saved": None} | options)
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_resuming_from_every_iteration_ends_with_identical_weights_and_metrics(name, tmp_path):
    whole, precision = variant(name)
    log = {}
    logger = LogIteration(lambda metrics, i, steps: log.setdefault(i, (metrics, steps)))
    fit(whole, callbacks=[logger, saver(tmp_path)], precision=precision)
    for stop in range(1, ITERATIONS):
        again, _ = variant(name, seed=100 + stop)
        relog = {}
        relogger = LogIteration(lambda m, i, steps, into=relog: into.setdefault(i, (m, steps)))
        path = tmp_path / models.checkpoint_name(stop)
        fit(again, callbacks=[relogger], checkpoint=path, precision=precision)
        assert same(weights(whole), weights(again)), f"resumed after iteration {stop}"
        assert list(relog) == list(range(stop + 1, ITERATIONS + 1))
        for iteration, (metrics, steps) in relog.items():
            assert steps == log[iteration][1] == iteration * 32
            assert timeless(metrics) == timeless(log[iteration][0])


def timeless(metrics):
    """All but the speeds, as text so that NaN equals NaN."""
    return {k: repr(v) for k, v in metrics.items() if not k.startswith("time/") and "SPS" not in k}


def test_without_the_collectors_state_a_resumed_run_differs(tmp_path):
    whole, _ = variant("plain")
    fit(whole, callbacks=[saver(tmp_path)])
    again, _ = variant("plain", seed=100)
    again.on_train_start = lambda: setattr(again, "iteration", 4)
    fit(again, checkpoint=tmp_path / models.checkpoint_name(4))
    assert not same(weights(whole), weights(again))


def test_training_goes_on_beyond_the_planned_iterations(tmp_path):
    first, _ = variant("plain")
    fit(first, callbacks=[saver(tmp_path)])
    more, _ = variant("plain")
    more.num_iterations = ITERATIONS + 3
    fit(more, callbacks=[saver(tmp_path)], checkpoint=models.latest_valid(tmp_path, print))
    assert more.iteration == ITERATIONS + 3


def test_old_checkpoints_are_deleted_but_multiples_of_keep_every_stay(tmp_path):
    module, _ = variant("plain")
    fit(module, callbacks=[saver(tmp_path, keep_last=2, keep_every=3)])
    kept = sorted(models.iteration_of(p) for p in tmp_path.glob("*.ckpt"))
    assert kept == [3, 6, 7, 8]


def test_the_last_iteration_is_always_saved(tmp_path):
    module, _ = variant("plain")
    fit(module, callbacks=[saver(tmp_path, every=5)])
    assert sorted(models.iteration_of(p) for p in tmp_path.glob("*.ckpt")) == [5, 8]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_refuses_ends_training_within_one_iteration(code, tmp_path, monkeypatch):
    module, _ = variant("plain")
    real = os.replace

    def refuse(source, target, **options):
        if "iter-00000003" in str(target):
            raise OSError(code, os.strerror(code))
        return real(source, target, **options)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CheckpointError):
        fit(module, callbacks=[saver(tmp_path)])
    assert module.iteration == 3
    monkeypatch.undo()
    warnings = []
    newest = models.latest_valid(tmp_path, warnings.append)
    assert models.iteration_of(newest) == 2
    assert not warnings, "a checkpoint that was never renamed is no checkpoint"
