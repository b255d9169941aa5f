"""A resume that fails or has nothing to do changes no file, and says why in one line."""

import csv
import dataclasses
import shutil

import pytest
import torch

from chisel import configs, models, trainers
from chisel.configs import CheckpointError, ConfigError
from chisel.trainers.logging import training_studies
from tests.system.conftest import final, identical
from tests.trainers.conftest import aup_config


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run, of 8 iterations and 2,048 frames, that a test may spoil."""
    return shutil.copytree(finished, tmp_path / "runs/maze/smoke/run")


def files(folder):
    """Every file and its bytes."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(run, error, match, *overrides):
    before = files(run)
    with pytest.raises(error, match=match) as caught:
        trainers.resume(run, overrides)
    assert files(run) == before
    return str(caught.value)


OVERRIDES = {
    "less than is done": (["frames=256"], ConfigError, "has done 2,048"),
    "more processes": (
        ["trainer.devices=2", "trainer.accelerator=cpu", "frames=4096"],
        CheckpointError,
        "1 processes",
    ),
    "no such hardware": (["trainer.accelerator=gpu", "frames=4096"], ConfigError, "torch sees"),
    "another algorithm": (["algo.gamma=0.5", "frames=4096"], ConfigError, "algo.gamma"),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_overrides_that_cannot_be_followed_change_no_file(name, run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    overrides, error, match = OVERRIDES[name]
    assert "\n" not in refused(run, error, match, *overrides)


def test_what_only_the_first_moment_of_training_shows_changes_no_file(run, monkeypatch):
    def fail(*_):
        raise ConfigError("too few mazes")

    monkeypatch.setattr(training_studies.TrainingStudies, "_measure", fail)
    studies = ["tracking.studies=[success]", "tracking.studies_every=1"]
    refused(run, ConfigError, "too few mazes", "frames=4096", *studies)


def without(*keys):
    """Remove a key of the checkpoint, given by its path."""

    def spoil(payload):
        for key in keys[:-1]:
            payload = payload[key]
        del payload[keys[-1]]

    return spoil


def put(value, *keys):
    """Replace a value of the checkpoint, given by its path."""

    def spoil(payload):
        for key in keys[:-1]:
            payload = payload[key]
        payload[keys[-1]] = value

    return spoil


RANK = ("chisel", "ranks", 0)
MOMENT = ("optimizer_states", 0, "state", 0, "exp_avg")
SPOILED = {
    "another format": put(3, "chisel", "format"),
    "version 0.1": put(1, "chisel", "format"),
    "without our part": without("chisel"),
    "without weights": without("state_dict"),
    "without a weight": without("state_dict", "model.fc_value.bias"),
    "weights of another shape": put(torch.zeros(3), "state_dict", "model.fc_value.bias"),
    "without optimiser": without("optimizer_states"),
    "an empty optimiser": put([], "optimizer_states"),
    "moments of another shape": put(torch.zeros(2), *MOMENT),
    "no iteration": without("chisel", "iteration"),
    "no ranks": put([], "chisel", "ranks"),
    "no environment": without(*RANK, "collector", "env"),
    "actions' generator of another size": put(
        torch.zeros(9).byte(), *RANK, "collector", "generator"
    ),
    "minibatches' generator of another size": put(torch.zeros(9).byte(), *RANK, "minibatches"),
    "no statistics of rewards": put({}, "chisel", "algorithm"),
    "another schema": put("new", "chisel", "config", "algo", "name"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_checkpoint_that_does_not_fit_is_one_line_and_changes_no_file(name, run):
    newest = models.latest_valid(run / "checkpoints", pytest.fail)
    payload = models.read_checkpoint(newest)
    SPOILED[name](payload)
    models.write_checkpoint(newest, payload)
    refused(run, CheckpointError, r"iter-00000008|checkpoint", "frames=4096")


@pytest.mark.parametrize(
    "key", ["algo.learning_rate=0.1", "env.region=2", "seed=7", "model.hidden=16", "env.timeout=9"]
)
def test_an_edited_config_is_refused_and_the_value_to_put_back_is_named(key, run):
    edited = configs.override(configs.load(str(run / "config.yaml")), [key])
    (run / "config.yaml").write_text(configs.to_yaml(edited))
    said = refused(run, ConfigError, key.partition("=")[0], "frames=4096")
    assert "init_from=" in said


def test_an_edited_plan_is_followed_and_printed(run, capsys):
    edited = configs.override(configs.load(str(run / "config.yaml")), ["frames=2304"])
    (run / "config.yaml").write_text(configs.to_yaml(edited))
    trainers.resume(run)
    assert "note: going on as config.yaml says: frames = 2304 (was 2048)" in capsys.readouterr().err
    assert models.load_agent(run).env_steps == 2304


def test_a_finished_run_and_one_asked_for_what_it_has_stay_as_they_are(run, capsys):
    before = files(run)
    trainers.resume(run)
    trainers.resume(run, ["frames=2048", "trainer.keep_last=9"])
    assert files(run) == before
    assert capsys.readouterr().out.count("frames=…") == 2


def test_the_plan_outlives_a_resume_that_was_refused_and_rounding_is_said(run, capsys):
    refused(run, ConfigError, "has done", "frames=256")
    trainers.resume(run, ["frames=2400"])
    assert configs.load(str(run / "config.yaml")).frames == 2400
    assert models.load_agent(run).env_steps == 2304
    assert "note: frames = 2,400: trains 2,304" in capsys.readouterr().err


def test_a_log_that_was_deleted_is_said_to_be_lost(run, capsys):
    (run / "metrics.csv").unlink()
    trainers.resume(run, ["frames=2304"])
    assert "metrics.csv is gone" in capsys.readouterr().err
    with (run / "metrics.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["9"]


def test_the_command_for_a_changed_setting_starts_a_new_run(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    relative = run.relative_to(tmp_path)
    with pytest.raises(ConfigError) as caught:
        trainers.resume(relative, ["algo.gamma=0.5"])
    command = str(caught.value).split("`")[1].split()
    assert command[:2] == ["chisel", "train"]
    config = configs.load(command[2], [*command[3:], "frames=256"])
    trained = configs.to_plain(models.load_agent(trainers.train(config)).config)
    assert trained["algo"]["gamma"] == 0.5
    assert trained["init_from"] == str(relative)
    assert trained["env"] == configs.to_plain(models.load_agent(run).config)["env"]


def test_torchs_threads_are_restored_after_training(run):
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        trainers.resume(run, ["frames=2304", "trainer.threads=1"])
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def aup(tmp_path):
    config = aup_config(iterations=4, phase=2)
    network = configs.ImpalaConfig(channels=(4, 4, 4), hidden=16)
    return dataclasses.replace(config, model=network, experiment="aup", runs_dir=str(tmp_path))


def oversight(tmp_path):
    small = ["frames=1024", "env.num_envs=32", "algo.num_steps=8", f"runs_dir={tmp_path}"]
    return configs.load("oversight/routed", small)


def split(tmp_path):
    return configs.load("digits/halves", ["frames=4000", f"runs_dir={tmp_path}"])


@pytest.mark.parametrize("make", [aup, oversight, split])
def test_a_resume_that_was_checked_ends_with_the_bits_of_a_run_that_did_not_stop(make, tmp_path):
    config = configs.override(
        make(tmp_path),
        ["trainer.progress=false", "trainer.threads=1", "tracking.mode=disabled"],
    )
    whole = trainers.train(dataclasses.replace(config, name="whole"))
    limit = dataclasses.replace(config.trainer, max_minutes=1e-9)
    stopped = trainers.train(dataclasses.replace(config, name="stopped", trainer=limit))
    assert final(stopped)[1] == 1
    trainers.resume(stopped, ["trainer.max_minutes=null"])
    assert final(stopped)[1] > 1
    assert identical(stopped, whole)
