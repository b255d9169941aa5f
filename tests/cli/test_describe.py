"""`chisel describe` says what a checkpoint holds, in a terminal of 80 columns."""

from pathlib import Path

import pytest
from torch import nn

from chisel import configs
from chisel.analysis.results import describe
from chisel.cli.main import main
from chisel.configs import registry
from chisel.models import Loaded, Spaces, build, load_agent, save_agent
from chisel.routing import resolve
from tests.analysis.conftest import make_run, units


def rows(table):
    return list(zip(*(list(map(str, column.cells)) for column in table.columns), strict=True))


@pytest.fixture
def routed(tmp_path):
    settings = ["env.goals=cheese-and-corner", "env.cheese=stock"]
    untrained = load_agent(make_run(tmp_path / "plain", overrides=settings))
    regions = resolve(untrained.model, {"right": units("0:2")}).to_plain()
    return make_run(tmp_path / "run", overrides=settings, regions=regions)


def test_it_names_the_digest_the_training_the_layers_and_the_regions(routed):
    found, agent = describe(routed), load_agent(routed)
    about = dict(rows(found["about"]))
    assert about["sha256"] == agent.digest
    assert about["trained with"] == f"maze/quick, seed {agent.config.seed}"
    assert about["reads"] == "images 9 x 9 x 3, uint8 up to 1"
    assert about["decides"] == "one of 15 actions"
    layers = {row[0]: row for row in rows(found["layers"])}
    assert layers["fc_policy"][1:3] == ("Linear", "[B, 15]")
    assert set(layers) == {name for name, _ in agent.model.named_modules() if name}
    (region,) = rows(found["regions"])
    assert region[0] == "right"
    assert region[2].startswith("0-1 of ")


def test_every_option_of_the_config_is_there(routed):
    words = " ".join(text for _, text in rows(describe(routed)["config"]))
    plain = configs.flatten(configs.to_plain(load_agent(routed).config))
    for key, value in plain.items():
        if isinstance(value, int | float | str) and not key.startswith("routing."):
            assert f"{key.partition('.')[2] or key}={configs.as_typed(value)}" in words, key


def test_studies_of_its_world_and_of_any_world_are_named_and_no_others(routed):
    named = {name for name, _ in rows(describe(routed)["studies"])}
    worlds = {registry.get("study", name).world for name in named}
    assert worlds == {None, "maze"}
    assert {"ablation", "vector-field", "report"} <= named
    assert "engine-parity" not in named, "it takes no agent"
    expected = [
        name
        for name in registry.names("study")
        if registry.get("study", name).world in (None, "maze")
        and "checkpoint" in configs.study_options(name)
    ]
    assert named == set(expected)


def test_studies_that_need_regions_say_so_where_there_are_none(routed, tmp_path):
    plain, lacks = make_run(tmp_path / "other"), "; needs routing.regions"
    needing = {"ablation", "leaks", "localization", "relearning"}
    assert {name for name, words in rows(describe(plain)["studies"]) if lacks in words} == needing
    assert not any(lacks in words for _, words in rows(describe(routed)["studies"]))


def test_a_network_without_a_policy_is_offered_the_studies_of_any_network(tmp_path):
    config, spaces = configs.load("digits/halves"), Spaces((8, 8, 1), "uint8", 16.0, 0)
    model = build(config.model, spaces, nn.Module).eval()
    loaded = Loaded(model, spaces, config, "0" * 64, 0, tmp_path / "x")
    found = describe(save_agent(tmp_path / "halves", loaded))
    named = {name for name, _ in rows(found["studies"])}
    assert {"ablation", "report"} <= named
    assert "probes" not in named
    assert "regions" not in found
    assert "decides" not in dict(rows(found["about"]))


def test_the_command_prints_it_within_eighty_columns(routed, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(Path(routed).parent)
    assert main(["describe", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:1] == ["sha256"] for line in lines)
    assert main(["describe", "run", "levels=3"]) == 2
    assert main(["describe", "runs/none"]) == 3
    assert main(["describe"]) == 2
