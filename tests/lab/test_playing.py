"""Episodes in the lab are those of the environment, forwards and back."""

import numpy as np
import pytest
import torch

from chisel import configs, envs
from chisel.configs import ConfigError
from chisel.lab.agents import Shelf
from chisel.lab.answers import Answerer, Talk
from chisel.models import Loaded, build, load_agent, save_agent, spaces_of
from chisel.trainers.aup.saved import load_aup
from tests.lab.charged import SETTINGS, charged_run
from tests.lab.talking import MAZE, PLAIN, answers, session


@pytest.fixture
def play(answerer):
    talk = Talk()

    def ask(kind, asked=None, **message):
        found = asked or session((PLAIN,))
        ((head, arrays),) = answers(answerer, talk, kind=kind, id=1, session=found, **message)
        return head, arrays

    return ask


def test_the_agent_walks_to_the_goal_and_the_episode_ends_there(play):
    head, arrays = play("start")
    assert head["actions"] == ["LEFT", "DOWN", "UP", "RIGHT", "NOOP"]
    while head["end"] is None:
        assert arrays["probabilities"].sum() == pytest.approx(1, abs=1e-5)
        head, arrays = play("step", action="likeliest")
    assert head["end"]["success"]
    assert head["end"]["l"] == head["step"] == len(head["trail"]) - 1
    assert head["trail"][-1] == [4, 5 - 1]
    assert head["total"] == 10
    assert "probabilities" not in arrays
    with pytest.raises(ConfigError, match="the episode is over"):
        play("step", action="agent")


def test_going_back_and_on_is_the_same_way_and_another_edit_is_a_branch(play):
    first = play("start")
    away = [play("step", action="likeliest") for _ in range(3)]
    for _ in range(3):
        back = play("step", action="back")
    assert back[0]["board"] == first[0]["board"]
    np.testing.assert_array_equal(back[1]["probabilities"], first[1]["probabilities"])
    again = [play("step", action="likeliest") for _ in range(3)]
    assert [one["board"] for one, _ in again] == [one["board"] for one, _ in away]
    for _ in range(3):
        play("step", action="back")
    with pytest.raises(ConfigError, match="nothing before it"):
        play("step", action="back")
    off = {"kind": "scale", "site": "embedder.relufc", "factor": 0}
    head, arrays = play("step", session((PLAIN, off)), action=2)
    assert head["trail"] == [[0, 0], [1, 0]]
    assert arrays["probabilities"].max() < 0.9


def test_a_person_takes_any_move(play):
    play("start")
    for action, cell in ((3, [0, 1]), (2, [0, 1]), (0, [0, 0]), (2, [1, 0]), (4, [1, 0])):
        head, _ = play("step", action=action)
        assert head["trail"][-1] == cell
        assert head["action"] == action
    with pytest.raises(ConfigError, match="actions are 0…4"):
        play("step", action=5)


def test_an_episode_stays_with_its_agent(play):
    play("start")
    with pytest.raises(ConfigError, match="begin a new one"):
        play("step", session(("maze-pixels-small/seed-0",)), action="agent")


def test_a_maze_whose_goal_is_a_wall_is_refused(answerer):
    maze = (f"{MAZE[0][:-1]}#", *MAZE[1:-1], f"M.C{MAZE[-1][3:]}")
    asked = session(("maze-routed-dropping/seed-10",), maze=maze)
    with pytest.raises(ConfigError, match="corner"):
        answers(answerer, kind="start", id=1, session=asked)


@pytest.mark.parametrize("experiment", ["gridworld/ppo", "safelife/quick"])
def test_other_worlds_are_played_with_their_pictures(experiment, tmp_path):
    config = configs.load(experiment, ["env.num_envs=1", "name=x"])
    env = envs.make(config.env, seed=0, num_envs=1)
    spaces = spaces_of(env)
    model = build(config.model, spaces, seed=0)
    folder = save_agent(
        tmp_path / "agent",
        Loaded(model, spaces, config=config, digest="0", env_steps=0, source=tmp_path),
    )
    answerer, talk = Answerer(Shelf([folder])), Talk()
    (name,) = answerer._shelf.names
    asked = session((name,))
    ((about, _),) = answers(answerer, talk, kind="open", id=0, agent=name)
    assert about["maze"] is None
    ((first, arrays),) = answers(answerer, talk, kind="start", id=1, session=asked, seed=3)
    assert arrays["picture"].ndim == 3
    assert first["penalty"] is None
    assert len(arrays["probabilities"]) == len(first["actions"])
    for _ in range(10):
        ((head, _),) = answers(answerer, talk, kind="step", id=1, action="agent", session=asked)
    assert head["step"] == 10
    for _ in range(10):
        ((head, back),) = answers(answerer, talk, kind="step", id=1, action="back", session=asked)
    np.testing.assert_array_equal(back["picture"], arrays["picture"])
    np.testing.assert_array_equal(back["probabilities"], arrays["probabilities"])


class Steps(dict):
    """Rows by name, as a rollout has them."""

    flat = dict.__getitem__


@pytest.mark.parametrize("experiment", SETTINGS)
def test_penalties_are_what_training_takes_off_the_reward(experiment, tmp_path):
    """Of the steps that were taken, as a rollout that the algorithm itself shapes."""
    folder = charged_run(tmp_path, experiment)
    answerer, talk = Answerer(Shelf([folder])), Talk()
    (name,) = answerer._shelf.names
    asked = session((name,))

    def play(kind, **message):
        ((head, arrays),) = answers(answerer, talk, kind=kind, id=1, session=asked, **message)
        return head, arrays["penalties"]

    moments = [play("start", seed=3)]
    assert (moments[0][0]["penalty"], moments[0][0]["penalty_total"]) == (0, 0)
    for number in range(5):
        moments.append(play("step", action=(number + 1) % len(moments[0][0]["actions"])))
    heads = [head for head, _ in moments]
    config = load_agent(folder).config
    env = envs.make(config.env, seed=0, num_envs=config.env.num_envs)
    algorithm = load_aup(answerer._shelf.open(name).agent.source, config, env)
    seen = [torch.from_numpy(np.array(one.obs)) for one in talk.episode._moments[:-1]]
    steps = Steps(
        obs=torch.cat(seen),
        actions=torch.tensor([head["action"] for head in heads[1:]]),
        rewards=torch.zeros(5, dtype=torch.float64),
    )
    algorithm._shape(steps)
    charged = [head["penalty_weight"] * head["penalty"] for head in heads]
    np.testing.assert_allclose(charged[1:], -steps["rewards"], rtol=1e-4, atol=1e-6)
    assert max(charged) > 0
    assert heads[-1]["penalty_total"] == pytest.approx(sum(head["penalty"] for head in heads))
    for (_, offered), head in zip(moments, heads[1:], strict=False):
        assert offered[head["action"]] == pytest.approx(head["penalty"])
        assert offered[algorithm.noop] == 0
    back, _ = play("step", action="back")
    assert back["penalty_total"] == heads[-2]["penalty_total"]
    while back["end"] is None:
        ((back, _),) = answers(answerer, talk, kind="step", id=1, action="agent", session=asked)
    whole = [one for one in back["end"].values() if isinstance(one, int)]
    assert all(abs(one) <= 2**53 for one in whole)  # as the page can show them
