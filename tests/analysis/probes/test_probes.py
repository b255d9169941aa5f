"""Linear probes: the algebra against scikit-learn, targets and scores on paper, known networks."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from chisel.analysis.probes import (
    ProbeTarget,
    Reading,
    kernel,
    probe_layers,
    read,
    score,
    shuffled,
)
from chisel.analysis.probes.layers import INPUT
from chisel.analysis.results import plain
from tests.analysis.probes.one_hot import (
    known_agent,
    one_hot_sample,
)


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
    assert plain(score(never, weights))["value"] is None


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
