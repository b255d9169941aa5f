"""Units that are selective for a goal are found in an agent trained without routing."""

import numpy as np
import pytest
import torch

from chisel.analysis import studies
from chisel.analysis.evaluation import Player, held_out, maze_run
from chisel.analysis.maze import selective_regions
from chisel.configs import ConfigError
from chisel.models import load_agent
from tests.analysis.conftest import make_run

LEVELS = 40
TWO = ["env.goals=cheese-and-corner", "env.cheese=stock"]
PATIENT = ["env.timeout=300", f"eval.levels={LEVELS}", f"eval.num_envs={LEVELS}"]


@pytest.fixture
def wanderer(tmp_path):
    """An untrained agent of two goals, which reaches either now and then if it has the time."""
    return load_agent(make_run(tmp_path / "wanderer", overrides=TWO))


def activity_by_hand(agent, config):
    """Mean activity and outcome of each episode, computed observation by observation."""
    batches = []

    def policy(obs):
        batches.append(obs.clone())
        return agent.policy(obs)

    with held_out(agent, config, "anywhere", split="validation") as mazes:
        player = Player("by hand", policy, whole_batches=True)
        facts = mazes.play(player, (config.eval.seed,))
    means = []
    for env, length in zip(facts["env"], facts["l"], strict=True):
        seen = torch.stack([batches[t][env] for t in range(int(length))])
        with torch.no_grad():
            image = seen.float()
            for name, layer in agent.model.embedder.named_children():
                image = layer(image)
                if name == "fc":
                    break
        means.append(image.double().mean(0).numpy())
    return np.stack(means), facts["outcome"]


def test_chosen_units_are_those_whose_activity_differs_most_between_the_goals(wanderer):
    config = maze_run(wanderer, PATIENT)
    activity, outcomes = activity_by_hand(wanderer, config)
    assert {1, 2} <= set(outcomes.tolist())
    selectivity = (
        activity[outcomes == 1].mean(0) - activity[outcomes == 2].mean(0)
    ) / activity.std(0)
    regions = selective_regions(wanderer, config, module="embedder.fc", share=0.25, levels=LEVELS)
    assert set(regions["cheese"].parts[0].units) == set(np.argsort(selectivity)[-2:].tolist())
    assert set(regions["corner"].parts[0].units) == set(np.argsort(selectivity)[:2].tolist())


def test_channels_are_compared_by_their_mean_over_the_picture(wanderer):
    module = "embedder.block3.res2.resadd"
    regions = selective_regions(
        wanderer, maze_run(wanderer, PATIENT), module=module, share=0.34, levels=LEVELS
    )
    assert [len(region.parts[0].units) for region in regions.values()] == [1, 1]
    assert all(region.parts[0].size == 3 for region in regions.values())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"module": "embedder.fcc"}, "no module 'embedder.fcc'"),
        ({"module": "embedder.fc", "share": 0.6}, "share=0.6: must be above 0 and at most 0.5"),
    ],
)
def test_an_impossible_choice_is_refused_in_one_line(wanderer, options, says):
    with pytest.raises(ConfigError, match=says):
        selective_regions(wanderer, maze_run(wanderer), **options, levels=LEVELS)


def test_an_agent_with_one_goal_is_refused(run_folder):
    agent = load_agent(run_folder)
    with pytest.raises(ConfigError, match="has one goal; this compares two"):
        selective_regions(agent, maze_run(agent), module="embedder.fc")


def test_the_study_writes_each_run_and_their_mean(wanderer, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal breaks names of rows
    out = studies.run(
        "selective-ablation",
        checkpoint=wanderer.source.parent.parent,
        levels=8,
        controls=1,
        share=0.25,
        out=tmp_path / "out",
    )
    assert {file.name for file in out.iterdir() if file.suffix not in (".pdf", ".svg")} == {
        "selective-ablation.csv",
        "selective-ablation.json",
        "selective-ablation.png",
        "tables.json",
    }
    printed = capsys.readouterr().out
    assert "random 1, size of corner" in printed
    assert "random:corner" not in printed
