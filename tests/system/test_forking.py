"""What a run that starts from another's weights takes over, beside them."""

import pytest
import torch

from chisel import configs, models
from chisel.trainers.runs.assembly import build_module

CPU = torch.device("cpu")


def begin(source, *settings):
    """What a new run begins with, and what it is warned of."""
    said = []
    config = configs.load("maze/smoke", [f"init_from={source}", *settings])
    module = build_module(config, 0, CPU, None, said.append)
    module.collector.env.close()
    return module.algorithm, said


def test_rewards_go_on_being_scaled_as_before_and_returns_start_anew(finished):
    newest = models.find_checkpoint(finished, print)
    saved = models.read_checkpoint(newest)["chisel"]["algorithm"]["moments"]
    for source in (finished, newest):
        algorithm, said = begin(source, "algo.learning_rate=1e-4", "env.num_envs=4")
        normalizer = algorithm.normalizer
        assert [normalizer.mean, normalizer.var, normalizer.count] == saved
        assert normalizer.returns.tolist() == [0.0] * 4
        assert not said


@pytest.mark.parametrize("setting", ["algo.gamma=0.5", "algo.norm_reward_gamma=0.9"])
def test_statistics_of_other_returns_are_not_taken_over_and_that_is_said(setting, finished):
    algorithm, said = begin(finished, setting)
    assert algorithm.normalizer.count < 1
    (line,) = said
    assert "scaled anew" in line
    assert "another discount" in line


def test_weights_without_statistics_are_said_to_be(finished, tmp_path):
    models.save_agent(tmp_path / "shipped", models.load_agent(finished))
    algorithm, said = begin(tmp_path / "shipped")
    assert algorithm.normalizer.count < 1
    assert "weights only" in said[0]


def test_an_algorithm_that_scales_no_rewards_is_not_changed(finished):
    _, said = begin(finished, "algo.norm_reward=false")
    assert not said


def test_all_processes_share_one_set_of_levels_but_play_their_own_episodes():
    config = configs.load("maze/smoke", ["env.levels.set_size=40", "trainer.devices=2"])
    modules = [build_module(config, rank, CPU, None, pytest.fail) for rank in (0, 1)]
    first, second = (module.collector.env for module in modules)
    states = [env.get_state() for env in (first, second)]
    assert len({state["level_sampler"]["set_digest"] for state in states}) == 1
    assert states[0]["level_sampler"]["generator"] != states[1]["level_sampler"]["generator"]
    alone = build_module(
        configs.load("maze/smoke", ["env.levels.set_size=40"]), 0, CPU, None, print
    )
    level_set = alone.collector.env.get_state()["level_sampler"]["set_digest"]
    assert level_set == states[0]["level_sampler"]["set_digest"], (
        "the level set of one process with the same seed"
    )
    for module in (*modules, alone):
        module.collector.env.close()
