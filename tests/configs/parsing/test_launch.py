"""Where runs are trained is checked before anything is submitted, and is no part of a config."""

import pytest

from chisel import configs
from chisel.configs import ConfigError, LaunchConfig, SlurmConfig


def test_options_of_a_launch_are_typed_and_taken_out_of_the_others():
    words = ["slurm.gpus=2", "seed=0,1", "launcher=slurm", "slurm.time=90", "algo.gamma=0.9"]
    launch, rest = configs.take_launch(words)
    assert launch == LaunchConfig("slurm", SlurmConfig(gpus="2", time=90))
    assert rest == ["seed=0,1", "algo.gamma=0.9"]


def test_without_them_runs_are_trained_here():
    assert configs.take_launch(["seed=0", "slurmy=1"]) == (LaunchConfig(), ["seed=0", "slurmy=1"])


REFUSED = {
    "launcher=slrm": "did you mean 'slurm'",
    "slurm.tme=3": "did you mean slurm.time",
    "slurm=3": "slurm is a group",
    "slurm.time=4h": "must be a whole number",
    "slurm.time=0": "must be at least 1",
    "slurm.time=2": "signal_delay_s",
    "slurm.gpus=0": "a100:1",
    "slurm.gpus=a100": "a100:1",
    "slurm.cpus=0": "must be at least 1",
    "slurm.mem=16": "16G",
    "slurm.mem=16 GB": "16G",
    "slurm.partition=a b": "one word",
    "slurm.runs_per_job=0": "must be at least 1",
    "slurm.runs_per_job=two": "must be a whole number",
    "slurm.max_num_timeout=-1": "must be at least 0",
    "slurm.threads=4": "unknown key",
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_slurm_cannot_be_asked_for_is_one_line_with_the_key(word):
    words = [word] if word.startswith("launcher") else ["launcher=slurm", word]
    with pytest.raises(ConfigError) as refusal:
        configs.take_launch(words)
    assert word.partition("=")[0] in str(refusal.value)
    assert REFUSED[word] in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("words", [[], ["launcher=local"]])
def test_options_of_slurm_need_its_launcher(words):
    with pytest.raises(ConfigError, match=r"slurm\.gpus=1: .* launcher=slurm"):
        configs.take_launch([*words, "slurm.gpus=1"])
