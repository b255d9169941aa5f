"""Studies by name: options are checked first, results go where they should."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from chisel.analysis import studies
from chisel.configs import CheckpointError, ConfigError, registry
from chisel.envs.maze import MazeState
from chisel.models import load_agent, save_agent
from tests.analysis.conftest import make_run, right_or_up


def test_vector_field_draws_each_maze_twice_and_says_where_it_comes_from(run_folder):
    folder = studies.run("vector-field", checkpoint=run_folder, levels="2", seed=4)
    assert folder == run_folder / "studies" / "vector-field-levels-2-seed-4"
    pictures = [f"{n:02d}-{where}.png" for n in (0, 1) for where in ("anywhere", "as-trained")]
    files = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    assert files == {*pictures, "contact-sheet.png", "vector-field.json"}
    found = json.loads((folder / "vector-field.json").read_text())
    agent = load_agent(run_folder)
    assert found["runs"][0]["sha256"] == agent.digest
    assert found["study"]["options"]["seed"] == 4
    assert found["command"].startswith("chisel study vector-field checkpoint=")
    assert [field["file"] for field in found["fields"]] == sorted(pictures, key=placement_first)
    for number in (0, 1):
        trained, anywhere = found["fields"][number], found["fields"][2 + number]
        assert trained["level_seed"] == anywhere["level_seed"]
        assert trained["cheese_placement"] == "as-trained"
        walls = [
            MazeState.from_drawing("\n".join(field["maze"])).open for field in (trained, anywhere)
        ]
        np.testing.assert_array_equal(*walls)
        for square in trained["squares"]:
            assert sum(square["probabilities"]) == pytest.approx(1)
        exact = trained["exact"]
        assert exact["cheese_first"] + exact["corner_first"] + exact["neither"] == pytest.approx(1)
        assert exact["return"] == pytest.approx(10 * exact["cheese"])
        assert 0 < exact["length"] <= exact["timeout"] == 20
    assert agent.digest.encode() in (folder / pictures[0]).read_bytes()


def placement_first(name):
    number, placement = name.split("-", 1)
    return (placement != "as-trained.png", number)


def test_the_same_study_gives_the_same_json_and_out_is_honoured(run_folder, tmp_path):
    texts = []
    for number, orientation in enumerate(("left", "left", "right")):
        out = tmp_path / str(number)
        options = {"levels": 1, "orientation": orientation, "out": out}
        assert studies.run("vector-field", checkpoint=run_folder, **options) == out
        texts.append((out / "vector-field.json").read_text())
    assert texts[0] == texts[1]
    assert json.loads(texts[2])["fields"][0]["orientation"] == "right"
    assert not (run_folder / "studies").exists()


def test_an_agent_without_a_run_leaves_its_results_in_the_current_folder(
    run_folder, tmp_path, monkeypatch
):
    shipped = save_agent(tmp_path / "shipped", load_agent(run_folder))
    monkeypatch.chdir(tmp_path)
    folder = studies.run("vector-field", checkpoint=shipped, levels=1)
    name = f"shipped-{load_agent(shipped).digest[:8]}-levels-1"
    assert folder == Path("studies") / "vector-field" / name
    assert (tmp_path / folder / "contact-sheet.png").is_file()


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("vector-fields", {}, "did you mean 'vector-field'"),
        ("vector-field", {"checkpoint": None}, "needs checkpoint=VALUE"),
        ("vector-field", {"level": 3}, "did you mean 'levels'"),
        ("vector-field", {"levels": "six"}, "levels=six: must be a whole number"),
        ("vector-field", {"levels": 2.5}, r"levels=2\.5: must be a whole number"),
        ("vector-field", {"levels": 0}, "at least 1"),
        ("vector-field", {"split": "tset"}, "did you mean 'test'"),
        ("vector-field", {"env": "maze/hard"}, r"published \.pth"),
    ],
)
def test_impossible_requests_are_refused(run_folder, name, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        studies.run(name, **{"checkpoint": run_folder, **options})
    assert not (run_folder / "studies").exists()


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="there is no"):
        studies.run("vector-field", checkpoint=tmp_path / "nothing")


def test_every_registered_study_can_be_imported():
    for name in registry.names("study"):
        assert callable(registry.resolve("study", name))


def units_of_right(model):
    """The weights of `right_or_up`, without its first hidden unit: what ablating `right` leaves."""
    right_or_up(model)
    with torch.no_grad():
        model.embedder.fc.bias[0] = 0


def test_a_field_is_compared_with_that_under_an_intervention_or_of_another_checkpoint(
    right_then_up, tmp_path
):
    """The agent goes right; without its region `right` it goes up, as does the other checkpoint."""
    settings = ["env.goals=cheese-and-corner", "env.cheese=stock"]
    there = make_run(tmp_path / "there", edit=units_of_right, overrides=settings)
    found = []
    for number, side in enumerate(({"ablate": "right"}, {"other": there})):
        out = tmp_path / str(number)
        studies.run("vector-field", checkpoint=right_then_up, levels=2, out=out, **side)
        names = {path.name for path in out.iterdir() if path.suffix not in (".pdf", ".svg")}
        changes = {f"{n:02d}-{p}-change.png" for n in (0, 1) for p in ("anywhere", "as-trained")}
        assert changes < names
        assert "tables.json" in names
        found.append(json.loads((out / "vector-field.json").read_text()))
    ablated, other = found
    assert ablated["after"] == {"ablate": {"right": "zero"}}
    assert other["after"] == {"other": str(load_agent(there).source)}
    assert other["runs of other"][0]["sha256"] == load_agent(there).digest
    for one in (ablated, other):
        assert one["fields"][0]["file"] == "00-as-trained.png"
    assert ablated["fields"] == other["fields"]
    for field in ablated["fields"]:
        assert field["total_variation"]["squares"] == pytest.approx(1)
        assert field["total_variation"]["visited"] == pytest.approx(1)
        for when, move in ((field, "RIGHT"), (field["after"], "UP")):
            place = field["moves"].index(move)
            for square in when["squares"]:
                assert square["probabilities"][place] == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"other": "itself", "ablate": "right"}, "is compared as it is"),
        ({"ablate": "left"}, "no such region"),
        ({"steer": "file"}, "needs FILE:COEFF"),
    ],
)
def test_impossible_comparisons_are_refused(right_then_up, options, complaint):
    options = {key: right_then_up if to == "itself" else to for key, to in options.items()}
    with pytest.raises(ConfigError, match=complaint):
        studies.run("vector-field", checkpoint=right_then_up, **options)
