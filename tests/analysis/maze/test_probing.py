"""Probe targets of a maze are those of the drawing, and the study reads what the layers hold."""

import json

import numpy as np
import pytest
import torch

from chisel.analysis import studies
from chisel.analysis.maze import logit_targets, maze_targets
from chisel.analysis.probes import (
    probe_layers,
)
from chisel.analysis.studies.probes import best_layers
from chisel.configs import ConfigError
from chisel.envs.maze import MOVES, MazeState
from tests.analysis.probes.one_hot import (
    known_agent,
    one_hot_sample,
)


def drawn(text):
    return MazeState.from_drawing(text, mode="easy")


def test_targets_of_a_maze_are_those_of_its_drawing():
    above = drawn("..C..\n#.#.#\n.....\n.#.##\nM#...")
    right = drawn(".....\n####.\n.....\n.####\n.M..C")
    targets = {
        target.name: target.values.tolist() for target in maze_targets([above, right], region=3)
    }
    margin = above.margin
    assert targets["cheese-row"] == [margin + 4, margin]
    assert targets["cheese-column"] == [margin + 2, margin + 4]
    assert targets["mouse-row"] == [margin, margin]
    assert targets["mouse-column"] == [margin, margin + 1]
    assert targets["cheese-square"][0] == (margin + 4) * above.world_dim + margin + 2
    assert targets["cheese-in-region"] == [1, 0]
    assert targets["step-to-cheese"] == [MOVES.index("UP"), MOVES.index("RIGHT")]


def test_a_maze_without_cheese_is_refused():
    with pytest.raises(ConfigError, match="has 0 cheeses"):
        maze_targets([drawn("...\n.#.\nM..")], region=1)


def test_logit_targets_are_the_centred_logits_of_right_and_up():
    logits = torch.zeros(1, 15)
    logits[0, [6, 7, 8]] = 4.0  # RIGHT
    logits[0, 5] = 1.0  # UP
    right, up = logit_targets(logits)
    assert (right.name, up.name) == ("vote-right", "vote-up")
    assert right.values.tolist() == [pytest.approx(4 - 1)]
    assert up.values.tolist() == [pytest.approx(1 - 1)]


def test_a_layer_is_chosen_by_validation_and_the_first_of_equals():
    agent, sample = known_agent(), one_hot_sample()
    layers = ["embedder.none", "embedder.whole", "embedder.row"]
    rows = probe_layers(agent, agent, sample, layers, np.random.default_rng(0), resamples=20)
    best = {row.target: row.layer for row in best_layers(rows)}
    assert best["in-first-row"] == "embedder.whole"
    assert best["column"] == "embedder.whole"


FEW = {"levels": 24, "validation": 20, "test": 20, "layers": "input,embedder.fc,fc_policy"}


def test_the_study_is_reproducible_and_predicts_the_logits_from_the_last_layer(
    run_folder, tmp_path, capsys
):
    texts = []
    for number in range(2):
        studies.run("probes", checkpoint=run_folder, out=tmp_path / str(number), **FEW)
        texts.append((tmp_path / str(number) / "probes.json").read_text())
    assert texts[0] == texts[1]
    found = json.loads(texts[0])
    assert found["command"].startswith("chisel study probes checkpoint=")
    names = {
        path.name for path in (tmp_path / "0").iterdir() if path.suffix not in (".pdf", ".svg")
    }
    assert names == {"best-layers.csv", "layers.csv", "probes.json", "probes.png", "tables.json"}
    rows = {(row["layer"], row["target"]): row for row in found["probes"]}
    assert len(rows) == 3 * 10
    for vote in ("vote-right", "vote-up"):
        assert rows["fc_policy", vote]["score"]["value"] > 0.999
    assert "Where each target is read best" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"levels": 3}, "levels=3: must be a whole number, at least 20"),
        ({"layers": "embedder.block9"}, "did you mean"),
        ({"env": "maze/hard"}, r"is for published \.pth files"),
    ],
)
def test_impossible_requests_are_one_line(run_folder, options, complaint):
    with pytest.raises(ConfigError, match=complaint) as error:
        studies.run("probes", checkpoint=run_folder, **options)
    assert "\n" not in str(error.value)
    assert not (run_folder / "studies").exists()
