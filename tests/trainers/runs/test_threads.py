"""Where `trainer.threads` is null, a run chooses a number once and keeps it."""

import dataclasses
import itertools

import pytest
import torch

from chisel import configs, models, trainers
from chisel.trainers.runs import run, rundir

SMALL = (
    "env.num_envs=4",
    "algo.num_steps=16",
    "frames=128",
    "trainer.progress=false",
    "trainer.accelerator=cpu",
    "tracking.mode=disabled",
)


@pytest.fixture
def used(monkeypatch):
    """Threads that trainings had; each choice is one larger than the choice before, from 2 on."""
    used, fit, choices = [], run._fit, itertools.count(2)

    def watched(*args):
        used.append(torch.get_num_threads())
        return fit(*args)

    monkeypatch.setattr(run, "_fit", watched)
    monkeypatch.setattr(run, "choose_threads", lambda: next(choices))
    return used


def config(folder, *settings, threads="null"):
    settings = [*SMALL, f"runs_dir={folder}", f"trainer.threads={threads}", *settings]
    return configs.load("oversight/unrouted", settings)


def test_the_choice_is_recorded_and_a_resume_keeps_it(tmp_path, used):
    before = torch.get_num_threads()
    folder = trainers.train(config(tmp_path))
    assert rundir.read_config(folder).trainer.threads == 2
    assert models.load_agent(folder).config.trainer.threads == 2
    trainers.resume(folder, ["frames=256"])
    assert rundir.read_config(folder).trainer.threads == 2
    assert used == [2, 2]
    assert torch.get_num_threads() == before


def test_a_given_number_is_used(tmp_path, used):
    folder = trainers.train(config(tmp_path, threads=5))
    assert rundir.read_config(folder).trainer.threads == 5
    assert used == [5]


def test_every_run_of_a_group_gets_one_thread(tmp_path, used):
    group = trainers.train_seeds([config(tmp_path, f"seed={seed}") for seed in (0, 1)])
    recorded = [rundir.read_config(group / f"seed-{seed}").trainer.threads for seed in (0, 1)]
    assert recorded == used == [1, 1]


def test_a_run_without_a_recorded_number_goes_on_with_torchs(tmp_path, used):
    folder = trainers.train(config(tmp_path))
    old = rundir.read_config(folder)
    options = dataclasses.replace(old.trainer, threads=None)
    rundir.write_config(folder, dataclasses.replace(old, trainer=options))
    trainers.resume(folder, ["frames=256"])
    assert used == [2, torch.get_num_threads()]
    assert rundir.read_config(folder).trainer.threads is None


def test_several_processes_are_left_to_lightning(tmp_path, used):
    several = config(tmp_path, "trainer.devices=2")
    assert run.with_threads(several) == several
