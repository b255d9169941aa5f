"""Agents in the repository can be loaded, fit their configs and do what they were trained for."""

from pathlib import Path

import pytest

from chisel import models
from chisel.analysis.evaluation import evaluate

ROOT = Path(__file__).parents[3]
AGENTS = sorted(path.parent for path in ROOT.glob("agents/**/agent.json"))


def params(folders):
    """Mark all seeds of an agent as slow, but for the first."""
    first = {one.parent: one for one in reversed(folders)}
    return [
        pytest.param(
            one,
            id=str(one.relative_to(ROOT / "agents")),
            marks=() if first[one.parent] == one else pytest.mark.slow,
        )
        for one in folders
    ]


PLAYERS = params(
    [one for one in AGENTS if not one.parent.name.startswith(("language-", "safelife-"))]
)
BUILDERS = params([one for one in AGENTS if one.parent.name.startswith("safelife-")])
UNFINISHED = {"maze-easy/seed-0"}
CUT_EARLY = {"maze-routed-shuffled", "maze-filtered", "maze-routed-context"}
"""Controls, to be held against others cut alike, and a half-trained agent: they do something."""


def test_there_are_agents_and_each_is_small_and_listed():
    page = (ROOT / "agents/README.md").read_text()
    assert AGENTS
    for folder in AGENTS:
        assert f"`{folder.relative_to(ROOT / 'agents')}`" in page
        assert (folder / "weights.safetensors").stat().st_size <= 5_000_000
        assert (folder / "metrics.csv").is_file()


@pytest.mark.parametrize("folder", AGENTS, ids=lambda one: str(one.relative_to(ROOT / "agents")))
def test_an_agent_fits_its_config(folder):
    agent = models.load(folder)
    assert agent.config is not None
    assert agent.config.runs_dir == "runs"


def test_the_language_model_carries_moods_and_is_near_the_exact_entropy(tmp_path):
    model = ROOT / "agents/language-stories/seed-0"
    metrics = evaluate(model, overrides=["corpus.test=100"], out=tmp_path).score().metrics
    assert metrics["above entropy"].value < 0.08
    assert metrics["carries happy"].value > 0.75
    assert metrics["carries sad"].value > 0.75


@pytest.mark.parametrize("folder", PLAYERS)
def test_an_agent_solves_most_held_out_levels_and_its_regions_can_be_ablated(
    folder, tmp_path, procgen
):
    agent = models.load_agent(folder)
    unfinished = str(folder.relative_to(ROOT / "agents")) in UNFINISHED
    settings = [f"eval.levels={16 if unfinished else 32}", "eval.num_envs=16"]
    whole = evaluate(agent, overrides=settings, out=tmp_path)
    if unfinished:
        success = whole.score().metrics["success"]
        assert success.value < 0.7, "finished by now: take it off the list"
        return
    metrics = whole.score().metrics  # with the cheese as in training
    if folder.parent.name in CUT_EARLY:
        lost = metrics["P(neither)"].value if "P(neither)" in metrics else None
        assert (metrics["success"].value if lost is None else 1 - lost) > 0.3
        return
    assert metrics["efficient"].value > 0.7
    if agent.regions:
        region = next(iter(agent.regions))
        without = evaluate(agent, overrides=[*settings, f"ablate={region}"], out=tmp_path)
        assert without.score(cheese="anywhere") != whole.score(cheese="anywhere")


@pytest.mark.parametrize("folder", BUILDERS)
def test_a_safelife_agent_earns_more_on_its_training_levels_than_one_that_acts_at_random(
    folder, tmp_path
):
    found = evaluate(folder, overrides=["eval.levels=8", "eval.num_envs=8"], out=tmp_path)
    reward = found.score(set="training").metrics["return"]
    random = found.score("random", set="training").metrics["return"]
    assert reward.value > 5 + random.value
