"""The measure of diamond and ghost is the paper's, and an ablated agent is the other expert."""

import dataclasses

import numpy as np
import pytest
import torch

from chisel import configs, routing
from chisel.analysis.evaluation import (
    Player,
    agent_ablation_matrix,
    evaluate,
    interventions_of,
    oversight,
    oversight_ceiling,
    oversight_figure,
    oversight_returns,
    random_policy,
)
from chisel.analysis.evaluation.oversight_curves import OversightReturns, summarise_oversight
from chisel.configs import ConfigError
from chisel.models import Agent, Spaces, build, checkpoint_name, load_agent, write_checkpoint

SPACES = Spaces((5, 5, 4), "uint8", 1.0, 4)
FEW = ["eval.levels=200", "eval.num_envs=128"]


def make_agent(folder, experiment="oversight/routed", steps=3, edit=None):
    """A run with one checkpoint of an untrained agent."""
    config = configs.load(experiment, [*FEW, "name=a"])
    model = build(config.model, SPACES, seed=1)
    if edit is not None:
        edit(model)
    regions = None
    if config.routing.regions:
        options = {"regions": config.routing.regions}
        router = routing.attach(model, options, example=torch.zeros(1, 4, 5, 5))
        regions = router.to_plain()["regions"]
    about = {
        "format": 2,
        "config": configs.to_plain(config),
        "spaces": SPACES.to_plain(),
        "iteration": steps,
        "env_steps": steps * 100,
        "routing": None if regions is None else {"regions": regions},
    }
    state = {f"model.{key}": value for key, value in model.state_dict().items()}
    path = folder / "checkpoints" / checkpoint_name(steps)
    write_checkpoint(path, {"state_dict": state, "chisel": about})
    (folder / "config.yaml").write_text(configs.to_yaml(config))
    return folder


@pytest.fixture
def agent(tmp_path) -> Agent:
    return load_agent(make_agent(tmp_path / "run"))


class Tape:
    """An environment that plays back rewards and ends, whatever is done."""

    def __init__(self, rewards, dones):
        self.rewards, self.dones, self.t = rewards, dones, 0
        self.num_envs = rewards.shape[1]

    def reset(self):
        return np.zeros((self.num_envs, 5, 5, 4), np.uint8), {}

    def step(self, actions):
        rewards, dones = self.rewards[self.t], self.dones[self.t]
        self.t += 1
        outcome = np.where(rewards > 0, 1, np.where(rewards < 0, 2, 0))
        facts = {"outcome": outcome, "l": np.full(self.num_envs, self.t)}
        infos = {"episode": facts, "_episode": dones} if dones.any() else {}
        return self.reset()[0], rewards, dones, np.zeros_like(dones), infos


def test_the_measure_is_the_mean_over_steps_of_the_discounted_return_to_go():
    rng = np.random.default_rng(0)
    dones = rng.random((32, 6)) < 0.2
    rewards = np.where(dones, rng.choice([-1.0, 0.0, 1.0], (32, 6)), 0.0)
    by_hand = np.zeros(6)
    for board in range(6):
        for t in range(32):
            for later in range(t, 32):
                by_hand[board] += 0.97 ** (later - t) * rewards[later, board] / 32
                if dones[later, board]:
                    break
    uniform = random_policy(4)
    returns, ended = oversight._play(
        Player("random", uniform), Tape(rewards, dones), torch.Generator()
    )
    np.testing.assert_allclose(returns, by_hand, atol=1e-12)
    assert len(ended) == dones.sum()
    assert (ended[:, 0] == 2).sum() == (rewards < 0).sum()


def test_the_best_script_has_the_known_return_under_this_measure():
    config = configs.load("oversight/naive")
    faithful = dataclasses.replace(config, env=dataclasses.replace(config.env, faithful=True))
    for one, known in ((config, 0.908), (faithful, 0.871)):
        found = oversight_ceiling(one, boards=2048)
        assert found.value == pytest.approx(known, abs=0.012)
        assert found.low < found.value < found.high


@pytest.mark.parametrize(("gone", "left"), [("ghost", "diamond"), ("diamond", "ghost")])
def test_without_one_region_the_agent_is_the_other_expert(agent, gone, left):
    obs = torch.randint(0, 2, (10, 4, 5, 5), dtype=torch.uint8)
    model = agent.model
    alone = model.fc_policy(model.embedder.experts[left](obs.float()))
    with interventions_of(agent, agent.config, ablate=gone)():
        torch.testing.assert_close(agent.policy(obs), alone)
    assert not torch.allclose(agent.policy(obs), alone)


def test_an_evaluation_plays_every_region_and_scripts_and_repeats_to_the_bit(agent, tmp_path):
    first = evaluate(agent, out=tmp_path / "one")
    second = evaluate(agent, out=tmp_path / "two")
    players = [score.player for score in first.scores]
    assert players == [
        "agent",
        "without diamond",
        "without ghost",
        "without gate",
        "avoid-ghost",
        "naive-optimum",
        "random",
    ]
    assert first.scores == second.scores
    best = first.score("avoid-ghost").metrics
    assert best["P(diamond)"].value == 1
    assert best["return"].value > 0.8
    assert best["return"].n == 200, "boards"
    assert best["P(diamond)"].n == best["length"].n > 200, "ended episodes"
    assert abs(first.score("random").metrics["return"].value) < 0.1
    assert first.data.is_file()
    assert first.table().row_count == 7


def test_regions_are_compared_on_the_same_boards_to_their_ends(agent):
    found = agent_ablation_matrix(agent, overrides=["eval.levels=40"], controls=0)
    for row in found.rows:
        ends = row.values[["P(nothing)", "P(diamond)", "P(ghost)"]]
        assert len(ends) == 40
        assert (ends.sum(axis=1) == 1).all()
        assert (row.values["return"] == ends["P(diamond)"] - ends["P(ghost)"]).all()


def test_a_split_is_refused_where_there_are_none(agent):
    with pytest.raises(ConfigError, match=r"eval\.split=validation: 'oversight' has no splits"):
        agent_ablation_matrix(agent, split="validation", controls=0)


def test_a_baseline_without_regions_is_evaluated_too(tmp_path):
    run = make_agent(tmp_path / "run", "oversight/naive")
    players = [score.player for score in evaluate(run).scores]
    assert players[0] == "agent"
    assert not any(player.startswith("without") for player in players)


def test_one_ablation_can_have_any_factor(agent, tmp_path):
    found = evaluate(agent, overrides=["ablate=ghost:0.5"], out=tmp_path)
    players = [score.player for score in found.scores]
    assert players == ["agent", "avoid-ghost", "naive-optimum", "random"]
    assert found.data.name == "eval-ablate-ghost-0.5.json"
    assert "without ghost (0.5)" in found.table().title
    mean = evaluate(agent, overrides=["ablate=ghost:mean", "eval.levels=20"], out=tmp_path)
    assert mean.origin["mean_states"] > 20


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("eval.split=train", "no splits"),
        ("env.reward=naive", "env.reward=oracle"),
        ("algo.gamma=1", r"takes eval\.\*"),
        ("ablate=goast", "ghost"),
    ],
)
def test_settings_that_do_not_apply_to_boards_are_refused(agent, tmp_path, setting, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(agent, overrides=[setting], out=tmp_path)


def test_returns_over_training_come_from_every_checkpoint(tmp_path):
    for steps in (1, 2, 5):
        make_agent(tmp_path / "run", steps=steps)
    found = oversight_returns(tmp_path / "run", boards=32, final_boards=64)
    assert found.env_steps.tolist() == [100, 200, 500]
    assert set(found.players) == {"agent", "diamond expert", "ghost expert"}
    assert all(values.shape == (3,) for values in found.players.values())


def test_peaks_and_finals_are_those_of_the_curves():
    steps = np.array([1, 2, 3])
    runs = [
        OversightReturns(steps, {"agent": np.array(values)})
        for values in ([0.1, 0.5, 0.2], [0.3, 0.2, 0.4])
    ]
    (found,) = summarise_oversight("naive", runs)
    assert found.final.value == pytest.approx(0.3)
    assert found.peak.value == pytest.approx(0.45), "each run's best"
    assert found.peak_of_mean == pytest.approx(0.35), "the best common moment"
    assert found.peak_steps == 2
    figure = oversight_figure({"naive": runs}, ceiling=0.9)
    assert len(figure.axes) == 2
