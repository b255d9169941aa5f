"""The same from Python: `trainers.train` and what its options promise."""

import math
import signal

import pytest
import torch

from chisel import configs, models, trainers
from chisel.configs import CheckpointError, ConfigError
from tests.system.conftest import final

QUICK = ["frames=768", "trainer.progress=false", "trainer.threads=1"]


@pytest.fixture
def train(tmp_path):
    def start(*settings, experiment="maze/smoke"):
        where = f"runs_dir={tmp_path}"
        return trainers.train(configs.load(experiment, [*QUICK, where, *settings]))

    return start


def weights(run):
    return final(run)[0]


def test_training_returns_a_folder_whose_agent_loads(train):
    run = train("name=one")
    assert sorted(p.name for p in run.iterdir() if not p.name.startswith(".")) == [
        "checkpoints",
        "config.yaml",
        "metrics.csv",
    ]
    agent = models.load_agent(run)
    assert agent.env_steps == 768
    assert configs.to_plain(agent.config) == configs.to_plain(
        configs.load(str(run / "config.yaml"))
    )


def test_init_from_starts_with_the_weights_of_another_run(train):
    first = train("name=first")
    forked = train("name=forked", f"init_from={first}", "algo.learning_rate=1e-20", "seed=5")
    before, after = weights(first), weights(forked)
    assert all(torch.allclose(before[k], after[k], rtol=0, atol=1e-12) for k in before)


def test_init_from_another_network_is_refused_and_leaves_no_folder(train, tmp_path):
    first = train("name=first")
    with pytest.raises(CheckpointError, match=r"fc_policy|embedder"):
        train("name=forked", f"init_from={first}", "model.hidden=16")
    assert not (tmp_path / "maze/smoke/forked").exists()


def test_init_from_a_run_that_saw_another_view_is_refused(train):
    first = train("name=first")
    with pytest.raises(CheckpointError, match="obs_shape"):
        train("name=forked", f"init_from={first}", "env.levels.max_size=7")


def test_the_initial_weights_follow_init_seed_and_the_mazes_env_seed(train):
    still = "algo.learning_rate=1e-20"
    base = train("name=a", "seed=1", still)
    other_envs = train("name=b", "seed=1", "env_seed=2", still)
    other_init = train("name=c", "seed=1", "init_seed=2", still)

    def games(run):
        return final(run)[2][0]["collector"]["env"]["games"]

    def close(one, two):
        return all(
            torch.allclose(weights(one)[k], weights(two)[k], atol=1e-12) for k in weights(one)
        )

    assert close(base, other_envs)
    assert games(base) != games(other_envs)
    assert not close(base, other_init)


def test_a_time_limit_ends_early_and_resumably(train, capsys):
    run = train("name=short", "trainer.max_minutes=1e-9")
    assert final(run)[1] == 1
    assert "chisel resume" in capsys.readouterr().out
    trainers.resume(run, ["trainer.max_minutes=null"])
    assert final(run)[1] == 3


def test_signal_handlers_are_restored_after_training(train):
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    train("name=short")
    assert [signal.getsignal(number) for number in numbers] == before


def test_bf16_training_keeps_plain_float_weights_under_the_same_names(train):
    plain = weights(train("name=plain"))
    other = weights(train("name=bf16", "trainer.precision=bf16-mixed"))
    assert {k: v.dtype for k, v in plain.items()} == {k: v.dtype for k, v in other.items()}
    assert all(math.isfinite(v.sum()) for v in other.values())


@pytest.mark.slow
def test_compiled_training_keeps_the_names_of_the_weights(train):
    plain = weights(train("name=plain"))
    assert plain.keys() == weights(train("name=compiled", "trainer.compile=true")).keys()


def test_two_processes_cannot_train_in_one_folder(train):
    from chisel.trainers.runs import rundir

    run = train("name=locked")
    with rundir.lock(run), pytest.raises(ConfigError, match="in use"):
        trainers.resume(run, ["frames=1024"])


def test_several_seeds_on_several_devices_are_refused(tmp_path):
    settings = [*QUICK, f"runs_dir={tmp_path}", "trainer.devices=2", "trainer.accelerator=cpu"]
    configs_ = [configs.load("maze/smoke", [*settings, f"seed={seed}"]) for seed in range(2)]
    with pytest.raises(ConfigError, match="train on one device each"):
        trainers.train_seeds(configs_)


def test_equal_seeds_in_a_group_are_refused(tmp_path):
    config = configs.load("maze/smoke", [*QUICK, f"runs_dir={tmp_path}", "name=twice"])
    with pytest.raises(ConfigError, match="each seed once"):
        trainers.train_seeds([config, config])
    assert not list(tmp_path.iterdir())
