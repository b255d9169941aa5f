"""The AUP penalty beside the change in POWER: by definition, and the bound between the two."""

import numpy as np
import pytest
from scipy import stats

from chisel.impact import exact_power, penalty_and_power, rank_correlation
from tests.impact.power_worlds import FIGURE_1, grid, random_chancy, values_by_sweeps
from tests.impact.side_effect_worlds import NOOP, options


@pytest.mark.parametrize("world", [grid(2), random_chancy(4, 3, seed=0)], ids=["grid", "chancy"])
def test_both_are_means_over_the_same_rewards(world):
    gamma, noop, drawn = 0.7, 1, np.random.default_rng(0).random((5, len(world)))
    found = penalty_and_power(
        world, noop, gamma, 5, np.random.default_rng(0), rewards=lambda generator, shape: drawn
    )
    likely = np.eye(len(world))[world] if world.ndim == 2 else world
    penalties, changes = [], []
    for reward in drawn:
        values = values_by_sweeps(world, reward, gamma)
        quality = likely @ values
        power = likely @ ((values - (1 - gamma) * reward) / gamma)
        penalties.append(np.abs(quality - quality[:, [noop]]))
        changes.append(power - power[:, [noop]])
    for mean, error, sample in (
        (found.penalty, found.penalty_error, penalties),
        (found.power_change, found.power_error, changes),
    ):
        assert np.allclose(mean, np.mean(sample, axis=0), atol=1e-9)
        assert np.allclose(error, np.std(sample, axis=0, ddof=1) / np.sqrt(5), atol=1e-7)


def test_changes_in_power_are_those_of_exact_power():
    found = penalty_and_power(FIGURE_1, 0, 0.9, 20_000, np.random.default_rng(0))
    power = exact_power(FIGURE_1, 0.9)
    change = power[FIGURE_1] - power[FIGURE_1[:, [0]]]
    assert np.all(np.abs(found.power_change - change) < 4 * found.power_error + 1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("world", [FIGURE_1, grid(3), random_chancy(5, 3, seed=1)])
def test_the_penalty_is_at_least_the_discounted_change_in_power(world, gamma):
    found = penalty_and_power(world, 0, gamma, 2000, np.random.default_rng(1))
    slack = 4 * (found.penalty_error + found.power_error) + 1e-9
    assert np.all(found.penalty >= gamma * np.abs(found.power_change) - slack)
    assert np.all(found.penalty[:, 0] == 0)
    assert np.all(found.power_change[:, 0] == 0)


def test_on_options_the_push_into_the_corner_stands_out_in_both():
    _, transitions, *_ = options()
    found = penalty_and_power(transitions, NOOP, 0.996, 500, np.random.default_rng(2))
    assert found.power_change[0].argmin() == found.penalty[0].argmax() == 1  # down, from the start
    assert found.power_change[0, 1] < -10 * found.power_error[0, 1]
    assert found.rank_correlation > 0.5


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 9, 50).astype(float), generator.normal(size=50)
    expected = stats.spearmanr(first, second).statistic
    assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(rank_correlation(first, np.ones(50)))


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="noop = 5: actions are 0 to 4"):
        penalty_and_power(grid(3), 5, 0.9, 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least 2"):
        penalty_and_power(grid(3), 4, 0.9, 1, np.random.default_rng(0))
