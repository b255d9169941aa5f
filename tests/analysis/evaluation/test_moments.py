"""Moments of games are drawn fairly, and decisions are scored by what the policy says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from chisel import configs, envs, models
from chisel.analysis import studies
from chisel.analysis.evaluation import judged_by
from chisel.analysis.evaluation.moments import (
    _Reservoir,
    likeliest_decisions,
    played_sample,
    successes_and_failures,
)
from chisel.analysis.interventions import LayerSplit
from chisel.configs import ConfigError
from chisel.models import Agent, save_agent


@pytest.fixture(scope="module")
def agent():
    """An untrained agent of a gridworld, whose evaluator says nothing about moments."""
    config = configs.load("gridworld/ppo", ["env.world=damage", "eval.num_envs=4"])
    env = envs.make(config.env, seed=0, num_envs=2)
    spaces = models.spaces_of(env)
    model = models.build(config.model, spaces, seed=0).eval()
    return Agent(model, spaces, config, "0" * 64, 0, Path("nowhere"))


def test_every_step_of_a_game_is_kept_equally_often():
    games, length = 4000, 5
    found = _Reservoir(1, np.random.default_rng(0))
    for _ in range(games):
        for step in range(length):
            found.see(np.array([[step]]))
            ended = np.array([step == length - 1])
            found.note(np.array([1.0]), ended, {"episode": {"success": np.array([step])}})
    steps = np.array([moment["obs"][0] for moment in found.games[0]])
    counts = np.bincount(steps, minlength=length)
    expected = games / length
    assert ((counts - expected) ** 2 / expected).sum() < 18.5  # chi squared, 4 degrees, p = .001
    left = np.array([moment["steps-left"] for moment in found.games[0]])
    np.testing.assert_array_equal(left, length - 1 - steps)
    to_go = np.array([moment["return-to-go"] for moment in found.games[0]])
    np.testing.assert_array_equal(to_go, length - steps)  # the reward of its own step counts


def test_a_sample_has_its_parts_targets_and_one_moment_of_each_game(agent):
    sample = played_sample(agent, agent.config, (6, 4, 5), seed=3)
    assert sample.parts == (6, 4)
    assert len(sample.obs) == len(sample.layouts) == len(set(sample.layouts)) == 15
    targets = {one.name: one.values for one in sample.targets}
    logits = agent.policy(sample.obs).detach().double()
    np.testing.assert_allclose(
        targets["logit-1"], (logits - logits.mean(1, keepdim=True))[:, 1], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(targets["likeliest-action"], logits.argmax(1))
    again = played_sample(agent, agent.config, (6, 4, 5), seed=3)
    assert torch.equal(again.obs, sample.obs)
    other = played_sample(agent, agent.config, (6, 4, 5), seed=4)
    assert not torch.equal(other.obs, sample.obs)


def test_the_score_is_the_log_odds_of_the_likeliest_action(agent):
    decisions = likeliest_decisions(agent, agent.config, levels=5, seed=0)
    split = LayerSplit(agent.model, "embedder")
    maps = split.before(decisions.obs)
    found = decisions.score(split, decisions.obs)(maps).detach()
    probabilities = torch.softmax(agent.policy(decisions.obs).detach().double(), 1)
    best = probabilities.max(1).values
    np.testing.assert_allclose(found, torch.log(best / (1 - best)), rtol=1e-4, atol=1e-5)


def test_successes_and_failures_are_all_games(agent):
    first, second = successes_and_failures(agent, agent.config, levels=12, seed=0)
    assert len(first) + len(second) == 12


@pytest.mark.parametrize("study", ["probes", "integrated-gradients", "steering-vector"])
def test_studies_of_layers_run_on_agents_of_any_world(agent, tmp_path, study):
    shipped = save_agent(tmp_path / "agent", agent)
    sizes = {
        "probes": {"levels": 20, "validation": 20, "test": 20, "layers": "input,embedder"},
        "integrated-gradients": {"levels": 6, "steps": 4},
        "steering-vector": {"levels": 12, "coeffs": "1"},
    }
    folder = studies.run(study, checkpoint=shipped, out=tmp_path / "out", **sizes[study])
    assert (folder / f"{study}.json").is_file()


def test_a_world_without_splits_or_a_contrast_says_so(agent, tmp_path):
    shipped = save_agent(tmp_path / "agent", agent)
    with pytest.raises(ConfigError, match="has no splits"):
        studies.run("integrated-gradients", checkpoint=shipped, split="test", levels=4)
    with pytest.raises(ConfigError, match=r"states=cheese: .*success"):
        studies.run("steering-vector", checkpoint=shipped, states="cheese", levels=4)
    assert judged_by(replace(agent))[0].contrasts.keys() == {"success"}
