"""Training on without a region starts where the ablated agent was, and never brings it back."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from chisel import configs, routing, trainers
from chisel.analysis import studies
from chisel.analysis.ablation import Relearning, RelearningCurve
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.configs import ConfigError
from chisel.models import load_agent

SMALL = ["frames=512", "env.num_envs=16", "model.hidden=16", "trainer.progress=false"]
REST = ["trainer.checkpoint_every=1", "tracking.mode=disabled", "eval.levels=40"]


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    settings = [*SMALL, *REST, f"runs_dir={tmp_path_factory.mktemp('runs')}", "name=g", "seed=0,1"]
    checked = list(configs.load_grid("oversight/routed", settings).runs.values())
    return trainers.train_seeds(checked)


def study(checkpoint, **options):
    given = {"region": "diamond", "frames": 1024, "points": 2, "levels": 30, "fresh": False}
    return studies.run("relearning", checkpoint=checkpoint, **given | options)


@pytest.fixture(scope="module")
def finished(group):
    return study(group / "seed-0", fresh=True)


def runs_of(group):
    """Where runs are, whatever the options."""
    return group / "seed-0" / "studies" / "relearning-diamond" / "runs"


def read(folder):
    return json.loads((folder / "relearning.json").read_text())


def test_each_variant_starts_as_the_ablated_agent_plays(group, finished):
    name = "relearning-region-diamond-frames-1024-points-2-levels-30"
    assert finished == group / "seed-0" / "studies" / name
    found, agent = read(finished), load_agent(group / "seed-0")
    assert list(found["variants"]) == [
        "without diamond",
        "without random 1",
        "from scratch, without diamond",
    ]
    matrix = agent_ablation_matrix(agent, overrides=["eval.levels=30"], controls=0)
    (curve,) = found["variants"]["without diamond"]
    assert curve["frames"] == [0, 512, 1024]
    for metric, values in curve["metrics"].items():
        assert values[0] == pytest.approx(matrix["diamond"].metrics[metric].value)
        assert found["whole"][metric] == [matrix["none"].metrics[metric].value]
    assert found["metric"] == "P(diamond)"
    assert (finished / "relearning.png").stat().st_size > 10_000


def test_the_region_stays_as_it_was_and_the_rest_learns(group, finished):
    before = load_agent(group / "seed-0").model.state_dict()
    for variant, region in (("without-diamond", "diamond"), ("without-random-1", "random")):
        agent = load_agent(runs_of(group) / "oversight" / "routed" / variant)
        assert list(agent.regions) == [region]
        after = agent.model.state_dict()
        assert not torch.equal(after["fc_policy.weight"], before["fc_policy.weight"])
        owned = routing.attach(agent.model, {"regions": agent.regions}).owned()
        for name, masks in owned.items():
            mask = masks[region]
            assert torch.equal(after[name][mask], before[name][mask])
    fresh = load_agent(runs_of(group) / "oversight/routed/from-scratch-without-diamond")
    fresh_weights = fresh.model.state_dict()["embedder.experts.ghost.fc1.weight"]
    assert not torch.equal(fresh_weights, before["embedder.experts.ghost.fc1.weight"])
    assert fresh.config.init_from is None
    assert not fresh.config.routing.rules, "nothing is routed any more"


def test_what_was_trained_is_found_again_unless_it_was_another(group, finished):
    files = sorted(runs_of(group).glob("**/*.ckpt"))
    assert files
    times = [file.stat().st_mtime_ns for file in files]
    before = read(finished)
    again = study(group / "seed-0")
    assert [file.stat().st_mtime_ns for file in files] == times
    shown = read(again)["variants"]
    assert shown == {name: before["variants"][name] for name in shown}
    with pytest.raises(
        ConfigError, match="other settings: seed=1, not seed=7; another folder, runs_dir=FOLDER"
    ):
        study(group / "seed-0", seed=7)


def test_a_group_gives_a_curve_for_each_seed(group, tmp_path):
    folder = study(group, runs_dir=str(tmp_path / "runs"), controls=0, frames=512, points=1)
    found = read(folder)
    curves = found["variants"]["without diamond"]
    assert [curve["frames"] for curve in curves] == [[0, 512]] * 2
    runs = sorted(path.name for path in (tmp_path / "runs/oversight/routed").iterdir())
    assert runs == ["without-diamond-seed-0", "without-diamond-seed-1"]
    seeds = [load_agent(tmp_path / "runs/oversight/routed" / run).config.seed for run in runs]
    assert seeds == [1, 2]
    assert len(found["whole"]["return"]) == 2
    table = pd.read_csv(folder / "relearning.csv").set_index("metric")
    assert table["whole network"]["return"] == pytest.approx(np.mean(found["whole"]["return"]))
    ends = [curve["metrics"]["return"][-1] for curve in curves]
    assert table["after 512 frames"]["return"] == pytest.approx(np.mean(ends))
    assert table["after 512 frames n"]["return"] == 2


def curve(*values):
    return RelearningCurve(np.arange(len(values)) * 100, {"success": np.array(values, float)})


def test_regained_is_the_first_time_at_nine_tenths_of_what_it_was():
    variants = {"a": [curve(0.1, 0.5, 0.75, 0.6), curve(0.1, 0.2, 0.2, 0.2)]}
    whole, within = {"success": [0.8, 0.8]}, {"success": (0.0, 1.0)}
    plain = Relearning("r", "success", whole, variants, within).to_plain()
    assert [one["regained"] for one in plain["variants"]["a"]] == [200, None]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"region": "diamnd"}, "did you mean 'diamond'"),
        ({"frames": 0}, "frames=0"),
        ({"metric": "P(cheese)"}, r"metric=P\(cheese\)"),
        ({"metric": "length"}, "metric=length: less of it is better"),
        ({"region": "gate"}, "controls=0 goes without"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_trained(group, tmp_path, options, says):
    with pytest.raises(ConfigError, match=says):
        study(group / "seed-1", runs_dir=str(tmp_path), **options)
    assert not list(tmp_path.glob("**/*.ckpt"))
