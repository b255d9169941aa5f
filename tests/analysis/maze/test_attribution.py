"""Attributions of a known maze agent are what paper says, and the study adds them up."""

import json

import numpy as np
import pytest
import torch

from chisel.analysis import studies
from chisel.analysis.attribution.integrated_gradients import integrated_gradients
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.maze.attribution import log_odds, move_log_probabilities
from chisel.analysis.maze.decision_mazes import decision_mazes
from chisel.analysis.maze.states import without_cheese
from chisel.configs import ConfigError
from chisel.envs.maze import MOVES
from chisel.models import to_tensor
from tests.analysis.maze.cheese_seeker import CHEESE, IDLE, MOUSE, PULL, SIDE, WALLS, maze, observe

LAYER = "embedder.maps"


def test_a_moves_probability_is_that_of_all_its_actions():
    logits = torch.randn(4, 15, generator=torch.Generator().manual_seed(0))
    actions = torch.softmax(logits.double(), 1)
    moves = move_log_probabilities(logits).exp()
    np.testing.assert_allclose(moves.sum(1), 1)
    np.testing.assert_allclose(moves[:, MOVES.index("RIGHT")], actions[:, 6:9].sum(1))


def vote(cell, toward, against):
    """Compute by hand what a cheese on a cell adds to the log-odds of two moves."""
    up, right = cell[0] - 2, cell[1] - 2
    logits = PULL * np.array([-right, -up, up, right])
    return logits[toward] - logits[against]


@pytest.mark.parametrize("baseline", ["no-cheese", "zeros"])
def test_attributions_of_a_known_network_are_those_computed_by_hand(seeker, baseline):
    mazes = decision_mazes([maze(0), maze(2)])
    obs = to_tensor(observe(mazes.states))
    layer_split = LayerSplit(seeker, LAYER)
    maps = layer_split.before(obs)
    gone = layer_split.before(to_tensor(observe([without_cheese(one) for one in mazes.states])))
    start = gone if baseline == "no-cheese" else torch.zeros_like(maps)
    score = log_odds(layer_split, obs, mazes.to_cheese, mazes.to_corner)
    found = integrated_gradients(score, maps, start, steps=4)
    np.testing.assert_allclose(found.gap, 0, atol=1e-4)
    for number, state in enumerate(mazes.states):
        moves = mazes.to_cheese[number], mazes.to_corner[number]
        expected = np.zeros((4, SIDE, SIDE))
        row, col = state.cheese[0]
        expected[CHEESE, SIDE - 1 - row, col] = vote((row, col), *moves)
        if baseline == "zeros":
            row, col = state.mouse
            expected[MOUSE, SIDE - 1 - row, col] = -vote((row, col), *moves)
        np.testing.assert_allclose(found.values[number], expected, atol=1e-4)
        assert not found.by_channel[number, [WALLS, IDLE]].any()
        assert expected.any()


SMALL = {"module": "embedder.block1.conv", "levels": 4, "steps": 16, "top": 1}


@pytest.mark.parametrize("options", [{}, {"baseline": "zeros", "module": "embedder.fc"}])
def test_the_study_is_complete_within_tolerance_and_reproducible(run_folder, tmp_path, options):
    texts = []
    for number in range(2):
        given = SMALL | options | {"out": tmp_path / str(number)}
        studies.run("integrated-gradients", checkpoint=run_folder, **given)
        texts.append((tmp_path / str(number) / "integrated-gradients.json").read_text())
    assert texts[0] == texts[1]
    found = json.loads(texts[0])
    assert found["completeness"]["holds"]
    assert found["completeness"]["of"] == len(found["decisions"]) == 4
    for one in found["decisions"]:
        assert one["sum_of_attributions"] == pytest.approx(one["difference"], abs=0.02)
        if not options:  # everything passes through the layer, so it is the cheese's whole effect
            assert one["removed"] == pytest.approx(one["difference"], abs=1e-5)
    total = sum(channel["value"] for channel in found["channels"])
    assert total == pytest.approx(
        np.mean([one["sum_of_attributions"] for one in found["decisions"]])
    )
    names = {
        path.name for path in (tmp_path / "0").iterdir() if path.suffix not in (".pdf", ".svg")
    }
    assert names == {
        "integrated-gradients.csv",
        "integrated-gradients.json",
        "integrated-gradients.png",
        "tables.json",
    }
    assert (found["near"] is None) == bool(options)


def test_without_completeness_the_table_says_what_to_do(run_folder, capsys):
    given = SMALL | {"tolerance": 1e-12, "steps": 1}
    folder = studies.run("integrated-gradients", checkpoint=run_folder, **given)
    found = json.loads((folder / "integrated-gradients.json").read_text())
    assert not found["completeness"]["holds"]
    assert "raise steps=" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"levels": 1}, "levels=1: must be a whole number, at least 2"),
        ({"tolerance": 0}, "tolerance=0: must be a number, at least"),
        ({"steps": 0}, "steps=0: must be a whole number, at least 1"),
        ({"top": 2}, "so 1…1"),
        ({"module": "embedder.block9"}, "did you mean"),
        ({"baseline": "noise"}, "baseline=noise"),
    ],
)
def test_impossible_requests_are_one_line(run_folder, options, complaint):
    with pytest.raises(ConfigError, match=complaint) as error:
        studies.run("integrated-gradients", checkpoint=run_folder, **(SMALL | options))
    assert "\n" not in str(error.value)
    assert not (run_folder / "studies").exists()
