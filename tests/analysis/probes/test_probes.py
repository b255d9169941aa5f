"""Linear probes agree with scikit-learn, with scores computed by hand and with known networks."""

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from chisel.analysis import studies
from chisel.analysis.maze import logit_targets, maze_targets
from chisel.analysis.probes import (
    ProbeTarget,
    Reading,
    Sample,
    kernel,
    probe_layers,
    read,
    score,
    shuffled,
)
from chisel.analysis.probes.layers import INPUT
from chisel.analysis.studies.maze.probes import best_layers
from chisel.configs import ConfigError
from chisel.envs.maze import MOVES, MazeState
from chisel.models import ActorCritic, Agent, Spaces

SIDE = 4
FITTED, VALIDATION, TESTED = 200, 60, 80


@pytest.mark.parametrize("features", [5, 90])
def test_a_probe_is_ridge_regression_with_fewer_or_more_features_than_states(features):
    draws = np.random.default_rng(0)
    x = draws.normal(size=(50, features)) @ np.diag(np.logspace(0, -2, features)) + 3
    y = draws.normal(size=(30, 2)) + 7
    found = kernel(torch.from_numpy(x).reshape(50, features, 1), 30)
    centred = x[:30] - x[:30].mean(axis=0)
    # Inner products and covariances have one trace; there are 30 eigenvalues here.
    unit = np.trace(centred.T @ centred) / 30
    strengths = [1e-3, 1.0, 30.0]
    for strength, predicted in zip(strengths, found.predict(y, strengths), strict=True):
        expected = Ridge(alpha=strength * unit).fit(x[:30], y).predict(x[30:])
        np.testing.assert_allclose(predicted, expected, rtol=1e-6)


def test_features_that_never_vary_predict_the_mean():
    found = kernel(torch.full((9, 4), 2.0), 6)
    targets = np.arange(12.0).reshape(6, 2)
    (predicted,) = found.predict(targets, [1.0])
    np.testing.assert_allclose(predicted, [[5, 6]] * 3)


def test_states_that_are_too_few_to_fit_are_refused():
    with pytest.raises(ValueError, match="1 of 4 states"):
        kernel(torch.zeros(4, 2), 1)


def drawn(text):
    return MazeState.from_drawing(text, mode="easy")


@pytest.mark.usefixtures("procgen")
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


@pytest.mark.usefixtures("procgen")
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


def test_the_score_is_one_minus_the_ratio_of_errors_and_gains_are_paired():
    half = Reading("x", np.array([1.0, 1, 0, 0]), np.array([1.0, 1, 1, 1]), 0, 1)
    worse = Reading("x", np.array([2.0, 2, 2, 2]), np.array([1.0, 1, 1, 1]), 0, 1)
    weights = np.array([[1.0, 1, 1, 1], [2, 2, 0, 0], [0, 0, 2, 2]])
    assert score(half, weights).value == 0.5
    assert score(worse, weights).value == -1
    gain = score(half, weights, worse)
    assert (gain.value, gain.n) == (1.5, 4)
    assert gain.low >= 1
    assert gain.high <= 2
    never = Reading("x", np.zeros(4), np.zeros(4), 0, 1)
    assert np.isnan(score(never, weights).value)
    assert score(never, weights).to_plain()["value"] is None


def test_shuffled_labels_stay_within_their_part_and_errors_are_against_true_ones():
    target = ProbeTarget("n", np.arange(10.0))
    dealt = shuffled(target, (5, 3), np.random.default_rng(0)).values
    assert sorted(dealt[:5]) == [0, 1, 2, 3, 4]
    assert sorted(dealt[5:8]) == [5, 6, 7]
    assert dealt[8:].tolist() == [8, 9]
    assert dealt.tolist() != target.values.tolist()


def test_the_predicted_class_has_the_largest_indicator_and_unseen_classes_are_errors():
    draws = np.random.default_rng(1)
    classes = draws.integers(3, size=100)
    classes[-1] = 9  # never fitted
    features = np.eye(10)[classes]
    target = ProbeTarget("class", classes)
    found = read(kernel(torch.from_numpy(features), 60), target, 20)
    assert found.errors.tolist() == [0] * 19 + [1]
    most = np.bincount(classes[:60]).argmax()
    assert found.base.tolist() == (classes[80:] != most).astype(float).tolist()
    assert found.chosen_at == 1


class Narrowing(nn.Module):
    """Passes the first plane on, then its first row alone, then nothing."""

    def __init__(self):
        super().__init__()
        self.whole, self.row, self.none, self.read = (nn.Identity() for _ in range(4))

    def forward(self, x):
        kept = self.row(self.whole(x[:, :1])[:, :, :1])
        return self.read(self.none(0 * kept).flatten(1))


def known_agent():
    generator = torch.Generator().manual_seed(0)
    model = ActorCritic(Narrowing(), hidden=SIDE, num_actions=15, obs_range=1, generator=generator)
    spaces = Spaces((SIDE, SIDE, 2), "uint8", 1.0, 15)
    return Agent(model.eval(), spaces, None, "none", None, source="here")


def one_hot_sample():
    """One marked square in either plane; the network sees the first only."""
    draws = np.random.default_rng(0)
    count = FITTED + VALIDATION + TESTED
    squares, hidden = draws.integers(SIDE * SIDE, size=(2, count))
    obs = np.zeros((count, 2, SIDE * SIDE), np.uint8)
    obs[np.arange(count), 0, squares] = 1
    obs[np.arange(count), 1, hidden] = 1
    targets = (
        ProbeTarget("column", (squares % SIDE).astype(float)),
        ProbeTarget("in-first-row", (squares < SIDE).astype(np.int64)),
        ProbeTarget("hidden", (hidden // SIDE).astype(float)),
    )
    seen = torch.from_numpy(obs.reshape(count, 2, SIDE, SIDE))
    return Sample(seen, targets, np.arange(count), (FITTED, VALIDATION))


def test_a_layer_scores_high_on_what_it_represents_and_controls_do_not():
    agent, sample = known_agent(), one_hot_sample()
    layers = [INPUT, "embedder.whole", "embedder.row", "embedder.none"]
    rows = probe_layers(agent, agent, sample, layers, np.random.default_rng(0), resamples=200)
    found = {(row.layer, row.target): row for row in rows}
    assert len(rows) == len(layers) * 3
    for layer in layers[:2]:
        assert found[layer, "column"].score.value > 0.95
        assert found[layer, "in-first-row"].score.value == 1
    assert found["embedder.row", "in-first-row"].score.value == 1
    assert 0 < found["embedder.row", "column"].score.value < 0.6
    assert found[INPUT, "hidden"].score.value > 0.95
    assert found["embedder.whole", "hidden"].score.value < 0.1
    for target in ("column", "in-first-row", "hidden"):
        assert found["embedder.none", target].score.value == pytest.approx(0, abs=1e-9)
    for row in rows:
        assert row.shuffled.value < 0.25
        assert row.gain.value == 0  # the untrained network is the same here
        assert row.gain.low == row.gain.high == 0


def test_a_layer_is_chosen_by_validation_and_the_first_of_equals():
    agent, sample = known_agent(), one_hot_sample()
    layers = ["embedder.none", "embedder.whole", "embedder.row"]
    rows = probe_layers(agent, agent, sample, layers, np.random.default_rng(0), resamples=20)
    best = {row.target: row.layer for row in best_layers(rows)}
    assert best["in-first-row"] == "embedder.whole"
    assert best["column"] == "embedder.whole"


FEW = {"levels": 24, "validation": 20, "test": 20, "layers": "input,embedder.fc,fc_policy"}


@pytest.mark.usefixtures("procgen")
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
    names = {path.name for path in (tmp_path / "0").iterdir()}
    assert names == {"probes.json", "probes.png", "tables.json"}
    rows = {(row["layer"], row["target"]): row for row in found["probes"]}
    assert len(rows) == 3 * 10
    for vote in ("vote-right", "vote-up"):
        assert rows["fc_policy", vote]["score"]["value"] > 0.999
    assert "Where each target is read best" in capsys.readouterr().out


@pytest.mark.usefixtures("procgen")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"levels": 3}, "levels=3: at least 20"),
        ({"layers": "embedder.block9"}, "did you mean"),
        ({"env": "maze/hard"}, r"is for published \.pth files"),
    ],
)
def test_impossible_requests_are_one_line(run_folder, options, complaint):
    with pytest.raises(ConfigError, match=complaint) as error:
        studies.run("probes", checkpoint=run_folder, **options)
    assert "\n" not in str(error.value)
    assert not (run_folder / "studies").exists()
