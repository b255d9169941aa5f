"""The leak study finds what moves and must not, and nothing else."""

import dataclasses
import json

import pytest
import torch

from chisel import configs, models, trainers
from chisel.analysis import studies
from chisel.configs import ConfigError, LabelsConfig
from chisel.routing import Leak, UnprotectedRegion
from chisel.trainers.studies.leaks import Movement, moved_by_label, verdict
from tests.trainers.conftest import EXPERTS, make_ppo, same, weights

ROUTED = dataclasses.replace(EXPERTS, labels=LabelsConfig(source="maze-goal"), gate_coef=0.0)
SMALL = "env.num_envs=8 model.hidden=16"


def movements(module, steps=3):
    return {(m.label, m.region): m for m in moved_by_label(module, module.routes, steps, seed=0)}


def test_closed_regions_stay_to_the_bit_and_open_ones_move():
    found = movements(make_ppo(routing=ROUTED))
    assert {pair for pair, m in found.items() if m.closed} == {
        ("cheese", "corner"),
        ("corner", "cheese"),
    }
    for m in found.values():
        assert (m.change == 0) == m.closed
        assert not m.leaked
    assert found["unlabelled", "corner"].change > 0


def test_momentum_that_goes_on_is_a_leak():
    found = movements(make_ppo(routing=dataclasses.replace(ROUTED, freeze=False)))
    assert found["cheese", "corner"].leaked
    assert ".experts.corner." in found["cheese", "corner"].where


def test_a_term_that_opens_a_region_is_no_leak():
    terms = {"value": {"cheese": {"hidden": 1.0}}}
    regions = {"hidden": [{"module": "embedder"}]}
    closed = dataclasses.replace(ROUTED, regions=regions, rules={"cheese": {"hidden": 0.0}}, l1=0.0)
    assert movements(make_ppo(routing=closed))["cheese", "hidden"].change == 0
    opened = movements(make_ppo(routing=dataclasses.replace(closed, terms=terms)))
    assert not opened["cheese", "hidden"].closed
    assert opened["cheese", "hidden"].change > 0


def test_a_missing_mask_is_found():
    module = make_ppo(routing=ROUTED)
    module.routes.router.detach()
    assert movements(module)["corner", "cheese"].leaked


def test_every_label_starts_from_the_same_state():
    one, two = make_ppo(routing=ROUTED), make_ppo(routing=ROUTED)
    assert movements(one) == movements(two)
    assert same(weights(one), weights(two))


def test_a_region_without_parameters_of_its_own_is_refused_or_untested():
    regions = {"gate": [{"module": "embedder.gate", "units": "0"}]}
    routed = dataclasses.replace(ROUTED, regions=regions, rules={"cheese": {"gate": 0}})
    with pytest.raises(ConfigError, match="region gate is closed to a label and cannot be kept"):
        make_ppo(routing=routed)
    with pytest.warns(UnprotectedRegion):
        found = movements(make_ppo(routing=dataclasses.replace(routed, unprotected=["gate"])))
    assert "UNTESTED: region gate" in verdict(list(found.values()), [], frozen=True)
    assert found["cheese", "gate"].change is None
    assert found["cheese", "gate"].closed
    assert not found["cheese", "gate"].leaked


STILL = Movement("a", "b", 0.0, True, 0.0, "w")
MOVED = dataclasses.replace(STILL, change=1e-3)
READER = Leak("reader", "b", "head", "head reads b")
MIXING = Leak("mixing", "b", "norm", "norm mixes examples")


@pytest.mark.parametrize(
    ("moved", "leaks", "frozen", "says"),
    [
        ([STILL], [], True, "CLEAR: 1 closed pairs"),
        ([STILL], [READER], True, "1 readers of regions are shared"),
        ([STILL], [READER, MIXING], True, "LEAK: norm mixes examples"),
        ([STILL, MOVED], [MIXING], True, "LEAK: w of region b moved by 1.0e-03 in steps on a"),
        ([MOVED], [], False, "routing.freeze is false"),
        ([dataclasses.replace(MOVED, closed=False)], [], True, "UNTESTED: no region is closed"),
    ],
)
def test_the_verdict_is_one_line(moved, leaks, frozen, says):
    said = verdict(moved, leaks, frozen=frozen)
    assert says in said
    assert "\n" not in said


def study(out, **options):
    folder = studies.run("leaks", steps=2, out=out, **options)
    return json.loads((folder / "leaks.json").read_text())


def test_an_experiment_is_tested_as_it_is_initialised(tmp_path, capsys):
    found = study(tmp_path, experiment="oversight/routed", settings=f"{SMALL} routing.freeze=true")
    assert found["clear"]
    assert len(found["movements"]) == 3 * 3
    assert {leak["kind"] for leak in found["leaks"]} == {"reader"}
    assert found["verdict"] in capsys.readouterr().out
    coasting = study(tmp_path, experiment="oversight/routed", settings=SMALL)
    assert not coasting["clear"]
    assert coasting["verdict"].startswith("LEAK")


def test_a_run_is_tested_as_it_was_trained(tmp_path):
    settings = [*SMALL.split(), "frames=512", "trainer.progress=false", "tracking.mode=disabled"]
    config = configs.load(
        "oversight/routed", [*settings, "routing.freeze=true", f"runs_dir={tmp_path}", "name=a"]
    )
    run = trainers.train(config)
    torch.manual_seed(0)
    folder = studies.run("leaks", checkpoint=run, steps=1)
    assert folder == run / "studies" / "leaks-steps-1"
    found = json.loads((folder / "leaks.json").read_text())
    assert found["clear"]
    assert found["runs"][0]["sha256"] == models.load_agent(run).digest
    with pytest.raises(ConfigError, match="and not both"):
        studies.run("leaks", checkpoint=run, experiment="maze/smoke")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "experiment=NAME or checkpoint=RUN"),
        ({"experiment": "maze/smoke"}, "no regions"),
        ({"experiment": "digits/halves"}, "this needs an agent"),
        ({"experiment": "oversight/routed", "steps": 0}, "must be a whole number, at least 1"),
        ({"experiment": "oversight/routed", "settings": "env.sise=3"}, "env.sise"),
    ],
)
def test_impossible_requests_are_refused(tmp_path, options, says):
    with pytest.raises(ConfigError, match=says):
        studies.run("leaks", out=tmp_path, **options)
