"""Every world can be evaluated, by its own evaluator or by what the contract promises."""

import ast
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from chisel import configs, envs
from chisel.analysis import evaluation
from chisel.analysis.evaluation import (
    Evaluator,
    Metric,
    Player,
    Situation,
    agent_ablation_matrix,
    evaluate,
    evaluator_of,
    judged_by,
)
from chisel.analysis.evaluation.scores import scores_of
from chisel.analysis.results import plain, proportion
from chisel.configs import ConfigError, experiments, registry
from chisel.corpora.stories import tale
from chisel.models import Loaded, Spaces, build, spaces_of
from tests import plugins

WALKS = """
from dataclasses import dataclass
import numpy as np
from gymnasium import spaces
from chisel.analysis.evaluation import Evaluator, LENGTH, Metric
from chisel.configs.registry import Component
from chisel.envs.vector import SameStepVectorEnv

@dataclass(frozen=True)
class WalkConfig:
    name: str = "walk"
    num_envs: int = 4

walk = Component("walk_package:make_walk", "a walk of some steps, left or right", WalkConfig)
judged = Component("walk_package:evaluator", "how far the walk gets")

class Walk(SameStepVectorEnv):
    def __init__(self, num_envs, seed):
        super().__init__(num_envs, spaces.Box(0, 1, (3, 3, 1), np.uint8), 2)
        self.seed = seed

    def reset(self, *, seed=None, options=None):
        self.draws = np.random.default_rng(self.seed if seed is None else seed)
        self.place, self.time = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)
        self.limit = self.draws.integers(3, 9, self.num_envs)
        self._running = True
        return self.observe(), {}

    def observe(self):
        return np.zeros((self.num_envs, 3, 3, 1), np.uint8)

    def step(self, actions):
        self.place += 2 * self._checked_actions(actions) - 1
        self.time += 1
        ended, infos = self.time >= self.limit, {}
        rewards = np.where(ended, self.place, 0.0)
        if ended.any():
            facts = {"r": rewards.copy(), "l": self.time.copy(), "success": self.place > 0}
            infos = {"episode": facts | {"place": self.place.copy()}, "_episode": ended}
            self.place, self.time = self.place * ~ended, self.time * ~ended
        return self.observe(), rewards, ended, np.zeros(self.num_envs, bool), infos

    def get_state(self):
        return {}

    def set_state(self, state):
        pass

def make_walk(config, *, seed, num_envs=None):
    return Walk(config.num_envs if num_envs is None else num_envs, seed)

def evaluator(config):
    return Evaluator(metrics=(Metric("place", within=(-8, 8), better="higher"), LENGTH))
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs the package above with given entry points, as pip would, for one test."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(entry_points: str) -> None:
        (tmp_path / "walk_package.py").write_text(WALKS)
        plugins.install(tmp_path, "walk", entry_points)

    yield install
    sys.modules.pop("walk_package", None)


def walker(tmp_path):
    """An agent that goes right three times of four, whatever it sees."""
    boards = configs.load("oversight/oracle", ["model.hidden=4"])
    config = replace(boards, env=registry.get("env", "walk").schema())
    config = configs.override(config, ["eval.levels=40", "eval.num_envs=16"])
    spaces = Spaces((3, 3, 1), "uint8", 1.0, 2)
    model = build(config.model, spaces)
    with torch.no_grad():
        model.fc_policy.weight.zero_()
        model.fc_policy.bias.copy_(torch.tensor([0.25, 0.75]).log())
    source = tmp_path / "walker.ckpt"
    return Loaded(model.eval(), spaces, config, digest="0" * 64, env_steps=0, source=source)


def test_a_plug_in_without_an_evaluator_is_judged_by_return_length_and_success(installed, tmp_path):
    installed("[chisel.envs]\nwalk = walk_package:walk\n")
    found = evaluate(walker(tmp_path), out=tmp_path / "out")
    stored = json.loads(found.data.read_text())
    assert stored["evaluator"] == "walk"
    assert [metric["name"] for metric in stored["metrics"]] == ["success", "return", "length"]
    assert [score["player"] for score in stored["scores"]] == ["agent", "random"]
    rows = pd.read_csv(found.data.with_suffix(".csv"))
    agent = rows[rows["player"] == "agent"]
    assert agent["game"].tolist() == list(range(40))
    assert (agent["return"] == agent["place"]).all()
    metrics = found.score().metrics
    assert metrics["success"] == proportion(int((agent["place"] > 0).sum()), 40)
    assert metrics["length"].value == pytest.approx(agent["length"].mean())
    assert "eval.num_envs" not in stored["settings"]
    assert stored["settings"]["eval.levels"] == "40"


def test_a_plug_in_with_an_evaluator_gets_its_metrics(installed, tmp_path):
    installed(
        "[chisel.envs]\nwalk = walk_package:walk\n[chisel.evaluators]\nwalk = walk_package:judged\n"
    )
    found = evaluate(walker(tmp_path), out=tmp_path / "out")
    assert list(found.score().metrics) == ["place", "length"]
    place = found.score().metrics["place"]
    first, agent, random, last = str(found).splitlines()
    assert first.startswith("Evaluation of ")
    assert agent.startswith(f"  agent: place {place.text('.2f')}, length ")
    assert random.startswith("  random: place ")
    assert last == f"  95 % intervals over episodes; {found.data}"
    assert -8 <= place.low < place.value < place.high <= 8
    assert plain(found)["metrics"][0] == {
        "name": "place",
        "within": [-8, 8],
        "better": "higher",
    }


def test_greedy_play_takes_the_likeliest_actions_and_is_recorded(installed, tmp_path):
    installed("[chisel.envs]\nwalk = walk_package:walk\n")
    sampled = evaluate(walker(tmp_path), out=tmp_path / "sampled")
    greedy = evaluate(walker(tmp_path), overrides=["eval.greedy=true"], out=tmp_path / "greedy")
    agent = greedy.episodes[greedy.episodes["player"] == "agent"]
    assert (agent["place"] == agent["length"]).all(), "always right"
    assert greedy.score().metrics["success"].value == 1 > sampled.score().metrics["success"].value
    assert greedy.settings["eval.greedy"] == "true"
    assert greedy.score("random") == sampled.score("random"), "who plays beside still samples"


def test_threads_are_set_while_an_agent_plays_and_recorded_in_the_command_alone(
    installed, tmp_path, monkeypatch
):
    installed("[chisel.envs]\nwalk = walk_package:walk\n")
    agent, used, before = walker(tmp_path), [], torch.get_num_threads()
    agent.model.register_forward_hook(lambda *_: used.append(torch.get_num_threads()))
    usual = plain(evaluate(agent, out=tmp_path / "usual"))
    three = plain(evaluate(agent, overrides=["threads=3"], out=tmp_path / "three"))
    assert set(used) == {before, 3}
    assert used[-1] == 3
    assert torch.get_num_threads() == before
    assert three["command"] == f"{usual['command']} threads=3"
    assert usual | {"command": None} == three | {"command": None}
    with pytest.raises(ConfigError, match="threads=0: must be a whole number, at least 1"):
        evaluate(agent, overrides=["threads=0"], out=tmp_path / "none")
    with pytest.raises(ConfigError, match="style: evaluations in walk have no figure"):
        evaluate(agent, overrides=["style=dark"], out=tmp_path / "none")


def test_the_games_are_the_same_whoever_plays(installed, tmp_path):
    """More games than play side by side: each round starts afresh."""
    installed("[chisel.envs]\nwalk = walk_package:walk\n")
    agent = walker(tmp_path)
    evaluator, config = judged_by(agent)
    with evaluator.open(agent, config, Situation(), paired=True) as games:
        left = Player("left", lambda obs: torch.tensor([0.0, -1e9]).expand(len(obs), 2))
        lengths = [games.play(one, (3,))["l"] for one in (left, Player("agent", agent.policy))]
    assert len(lengths[0]) == 40
    np.testing.assert_array_equal(*lengths)
    assert len(set(lengths[0][:16].tolist())) > 1
    assert lengths[0][:16].tolist() != lengths[0][16:32].tolist()


def test_regions_of_a_plug_ins_agent_are_ablated_on_its_games(installed, tmp_path):
    installed("[chisel.envs]\nwalk = walk_package:walk\n")
    agent = replace(
        walker(tmp_path), regions={"all": [{"module": "fc_policy", "units": "0:2", "size": 2}]}
    )
    for mode in ("zero", "mean"):
        matrix = agent_ablation_matrix(agent, mode=mode, controls=0)
        assert matrix.metrics == ("success", "return", "length")
        assert (matrix["none"].values["length"] == matrix["all"].values["length"]).all()
        changed = matrix["all"].change["return"]
        assert (changed.high < 0) is (mode == "zero"), "the mean of a constant is itself"


def test_a_metric_of_facts_that_are_not_there_says_what_there_is():
    evaluator = Evaluator(metrics=(Metric("apples"),))
    with pytest.raises(ConfigError, match="no fact 'apples', only r, l"):
        evaluator.table({"r": np.zeros(2), "l": np.zeros(2)})


def test_a_metric_that_leaves_its_range_is_named():
    evaluator = Evaluator(metrics=(Metric("apples", within=(0, 3)),))
    with pytest.raises(ConfigError, match=r"metric apples: values 1…4 are not within \(0, 3\)"):
        evaluator.table({"apples": np.array([1.0, np.nan, 4.0])})


def test_outcomes_have_wilsons_interval_and_a_lone_greedy_episode_none():
    evaluator = Evaluator()
    facts = {"r": np.ones(20), "l": np.ones(20), "success": np.arange(20) < 5}
    sampled, greedy = Player("agent", None), Player("agent", None, greedy=True)
    (score,) = scores_of(evaluator, evaluator.table(facts), sampled, Situation(), (0,))
    assert score.metrics["success"] == proportion(5, 20)
    one = {name: values[:1] for name, values in facts.items()}
    (score,) = scores_of(evaluator, evaluator.table(one), greedy, Situation(), (0,))
    assert np.isnan(score.metrics["success"].low)


def untrained(config):
    """The network of an experiment before training, small."""
    if config.corpus is not None and config.corpus.name == "stories":
        words = len(tale().vocabulary)
        spaces = Spaces((tale().context_length,), "int64", words - 1.0, 0, vocabulary=words)
    elif config.corpus is not None:
        spaces = Spaces((8, 8, 1), "float32", 1.0, 0)
    else:
        env = envs.make(config.env, seed=0, num_envs=2)
        spaces = spaces_of(env)
        env.close()
    model = build(config.model, spaces, torch.nn.Module).eval()
    return Loaded(model, spaces, config, digest="0" * 64, env_steps=0, source=None)


WORLDS = (
    "digits/halves",
    "gridworld/aup-ppo",
    "language/stories",
    "language/stories-filtered",
    "maze/easy",
    "maze/filtered",
    "maze/routed-context",
    "oversight/filtered",
    "safelife/aup",
)
"""Experiments whose worlds differ, by what evaluators ask of a world."""


def world_of(name):
    """What tells the worlds of experiments apart."""
    config = configs.load(name)
    kind = str(config.corpus or getattr(config.env, "goals", None) or config.env.name)
    return kind, getattr(config.env, "cheese", None)


def test_the_worlds_whose_games_are_played_here_are_those_of_all_experiments_without_downloads():
    every = {world_of(name) for name in experiments() if "mnist" not in name}
    assert {world_of(name) for name in WORLDS} == every


@pytest.mark.parametrize("name", WORLDS)
def test_the_world_of_every_experiment_has_an_evaluator_whose_games_can_be_played(name):
    config = configs.load(name)
    if config.env is not None:
        config = configs.override(config, ["eval.levels=2", "eval.num_envs=2"])
    if config.env is not None and config.env.name == "maze":
        small = ["env.levels.set_size=8"] if config.env.levels.set_size else []
        config = configs.override(config, ["env.timeout=3", *small])
    if config.env is not None and config.env.name == "safelife":
        config = configs.override(config, ["env.num_levels=2", "env.time_limit=5"])
    if config.corpus is not None and config.corpus.name == "stories":
        few = ["corpus.stories=20", "corpus.validation=6", "corpus.test=12"]
        config = configs.override(config, few)
    agent = untrained(config)
    evaluator, config = judged_by(agent)
    for situation in evaluator.situations:
        player = evaluator.players(agent, config, situation)[0]
        with evaluator.open(agent, config, situation, paired=True) as games:
            table = evaluator.table(games.play(player, (0,)))
        named = [metric.name for metric in evaluator.metrics if metric.whole is None]
        assert table[named].notna().any(axis=None)


def test_gridworlds_are_judged_by_their_side_effects_too():
    config = configs.load("gridworld/ppo", ["eval.levels=5"])
    agent = untrained(config)
    evaluator = evaluator_of(config)
    with evaluator.open(agent, config, Situation(), paired=False) as games:
        table = evaluator.table(games.play(Player("agent", agent.policy), (0,)))
    lost = table["performance"] < table["return"] - 1e-9
    assert (table["side effect"] == lost).all()
    greedy = configs.override(config, ["eval.greedy=true"])
    evaluator = evaluator_of(greedy)
    assert [one.name for one in evaluator.players(agent, greedy, Situation())] == ["agent"]
    with evaluator.open(agent, greedy, Situation(), paired=False) as games:
        assert len(games.play(Player("agent", agent.policy, greedy=True), (0,))["r"]) == 1


@pytest.mark.parametrize(
    "file",
    ["evaluation", "evaluator", "scores", "interventions", "ablation", "playing"],
)
def test_only_the_file_of_a_world_knows_it(file):
    source = (Path(evaluation.__file__).parent / f"{file}.py").read_text()
    imported = {
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for name in [node.module or ""]
    }
    worlds = (
        "chisel.envs.",
        "chisel.corpora",
        "chisel.analysis.maze",
        "chisel.analysis.gridworlds",
    )
    own = ("maze", "oversight", "oversight_curves", "gridworld", "halves", "held_out")
    known = (*worlds, *(f"chisel.analysis.evaluation.{name}" for name in own))
    assert not [name for name in imported if name.startswith(known)]
