"""Decision rules against enumeration, and which of them can be retargeted."""

import itertools

import numpy as np
import pytest

from chisel.impact import TooLargeError, lottery_preference, orbit, retargeting
from chisel.impact import decision_rules as rules

UTILITIES = np.array([10.0, 5.0, 0.0])


def test_of_three_lotteries_two_are_preferred_by_four_of_six():
    for rule in (rules.argmax, rules.boltzmann(1.0)):
        preference = lottery_preference(rule, [0], [1, 2])
        found = retargeting(preference, UTILITIES)
        assert found.counts == (4, 2, 6)
        assert len(found.permutations) == 2
        assert preference(orbit(UTILITIES))[1].mean() == pytest.approx(2 / 3)


def test_the_boltzmann_rule_has_its_known_probabilities():
    probabilities = lottery_preference(rules.boltzmann(1.0), [0], [1, 2])(orbit(UTILITIES))[0]
    assert sorted(set(np.round(probabilities, 6)), reverse=True) == [0.993262, 0.006693, 0.000045]


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (rules.argmax, 2),
        (rules.argmin, 2),
        (rules.boltzmann(3.0), 2),
        (rules.best_of(2), 2),
        (rules.best_of(7), 2),
        (rules.quantilising(0.5), 2),
        (rules.satisficing(10.0), 2),
        # Here nothing ever prefers the single option, so there is nothing to retarget.
        (rules.satisficing(5.0), 0),
        (rules.indifferent, 0),
    ],
)
def test_rules_can_be_retargeted_to_the_larger_set(rule, count):
    found = retargeting(lottery_preference(rule, [0], [1, 2]), UTILITIES)
    assert len(found.permutations) == count
    assert found.counts.holds(2)


def test_a_rule_that_always_takes_the_first_cannot_be_retargeted():
    found = retargeting(
        lottery_preference(lambda values: np.eye(3)[np.zeros(len(values), int)], [0], [1, 2]),
        UTILITIES,
    )
    assert len(found.permutations) == 0
    assert found.counts == (0, 6, 6)
    assert not found.counts.holds()


def test_permutations_that_retarget_do_so_with_disjoint_images():
    """Five options, one against four: checked on every element of the orbit."""
    preference = lottery_preference(rules.argmax, [2], [0, 1, 3, 4])
    utilities = np.array([3.0, 1.0, 4.0, 1.5, 9.0])
    found = retargeting(preference, utilities)
    assert len(found.permutations) == 4
    images = []
    for row in orbit(utilities):
        alone, others = preference(row[None])
        if alone > others:
            for order in found.permutations:
                moved = row[order]
                alone_now, others_now = preference(moved[None])
                assert others_now > alone_now
                images.append(tuple(moved))
    assert len(images) == len(set(images)) == 4 * 24


def test_lotteries_over_outcomes_are_compared_by_expectation():
    """A sure thing against two gambles that share its outcomes."""
    lotteries = np.array([[0, 1, 0], [0.5, 0, 0.5], [1, 0, 0]])
    probabilities = lottery_preference(rules.argmax, [0], [1, 2], lotteries)(
        np.array([[0.0, 6.0, 10]])
    )
    assert (probabilities[0], probabilities[1]) == (1, 0)


VALUES = np.array([[1.0, 1.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0], [4.0, 3.0, 2.0, 1.0]])


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_best_of_k_is_what_enumerating_all_draws_gives(draws):
    expected = np.zeros_like(VALUES)
    for row, values in enumerate(VALUES):
        for drawn in itertools.product(range(4), repeat=draws):
            best = [one for one in drawn if values[one] == values[list(drawn)].max()]
            for one in best:
                expected[row, one] += 1 / len(best) / 4**draws
    # Equal options are alike, so whichever of them comes up more often does not matter on average.
    assert np.allclose(rules.best_of(draws)(VALUES), expected)


def test_the_quantiliser_is_uniform_over_the_best_share():
    assert np.allclose(
        rules.quantilising(0.5)(VALUES),
        [[0.25, 0.25, 0.5, 0], [0.25] * 4, [0.5, 0.5, 0, 0]],
    )
    assert np.allclose(rules.quantilising(0.375)(VALUES)[2], [2 / 3, 1 / 3, 0, 0])
    assert np.allclose(rules.quantilising(1.0)(VALUES), 0.25)
    assert np.allclose(rules.quantilising(1e-6)(VALUES), rules.argmax(VALUES))


def test_satisficing_takes_anything_good_enough_and_nothing_if_nothing_is():
    assert np.allclose(rules.satisficing(1.0)(VALUES)[0], [1 / 3, 1 / 3, 1 / 3, 0])
    assert rules.satisficing(2.5)(VALUES)[1].sum() == 0


def test_the_extremes_share_ties():
    assert np.allclose(rules.argmax(VALUES)[:2], [[0, 0, 1, 0], [0.25] * 4])
    assert np.allclose(rules.argmin(VALUES)[:2], [[0, 0, 0, 1], [0.25] * 4])


def test_rules_and_orbits_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="temperature"):
        rules.boltzmann(0.0)
    with pytest.raises(ValueError, match="share"):
        rules.quantilising(0.0)
    with pytest.raises(ValueError, match="draws"):
        rules.best_of(0)
    with pytest.raises(TooLargeError, match="compare_orbit"):
        retargeting(lottery_preference(rules.argmax, [0], [1]), np.arange(7))
