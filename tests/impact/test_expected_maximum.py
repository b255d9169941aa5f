"""Expected maxima of forms in blocks of any sizes: whole fractions, one block, closed forms."""

import importlib
from fractions import Fraction
from itertools import combinations
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import legendre

from chisel.impact import exact_power, expected_maximum, optimality_probability, sampled_power
from chisel.impact.cells import cells

EXACT = 1e-9


def linked_or_alone(size):
    """From state 0 into `size` states, each a step from every other, or into a single one."""
    world = np.zeros((size + 2, max(size, 2)), int)
    world[0], world[0, 1] = 1, size + 1
    world[1:-1] = 1 + np.arange(world.shape[1]) % size
    world[-1] = size + 1
    return world


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_in_the_long_run_linked_states_are_optimal_as_often_as_they_are_many(size):
    """All states are equivalent, since the best of the linked states can be kept for ever."""
    world = linked_or_alone(size)
    linked, alone = optimality_probability(world, 1.0, 0)[:2]
    assert (linked, alone) == pytest.approx((size / (size + 1), 1 / (size + 1)), abs=EXACT)
    assert exact_power(world, 1.0, [0])[0] == pytest.approx((size + 1) / (size + 2), abs=EXACT)


@pytest.mark.parametrize("gamma", [0.3, 0.9])
def test_a_block_of_four_beside_one_agrees_with_sampling_at_any_discount(gamma):
    world = linked_or_alone(4)
    linked, alone = optimality_probability(world, gamma, 0)[:2]
    assert linked + alone == pytest.approx(1, abs=EXACT)
    sampled = sampled_power(world, gamma, 40_000, np.random.default_rng(0))
    error = np.sqrt(linked * alone / sampled.draws)
    assert abs(sampled.optimal[0, 1] - alone) < 4 * error


def multiplied(one, other):
    """Of polynomials, coefficients ascending."""
    product = [Fraction(0)] * (len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            product[i + j] += a * b
    return product


def integral(polynomial, low, high):
    return sum(
        c * (Fraction(high) ** (n + 1) - Fraction(low) ** (n + 1)) / (n + 1)
        for n, c in enumerate(polynomial)
    )


def below(weights, start):
    """P(weights @ uniform < t) as a polynomial in t from `start` to the next whole number.

    Whole weights. Inclusion and exclusion of the corners of the cube that lie below.
    """
    size = len(weights)
    total = [Fraction(0)] * (size + 1)
    for corner in (c for n in range(size + 1) for c in combinations(weights, n)):
        if sum(corner) <= start:
            power = [Fraction(1)]
            for _ in range(size):
                power = multiplied(power, [Fraction(-sum(corner)), Fraction(1)])
            total = [a + (-1) ** len(corner) * b for a, b in zip(total, power, strict=True)]
    return [c / (factorial(size) * prod(weights)) for c in total]


def in_fractions(blocks):
    """Mean of the largest of independent sums, and how often each is the largest, exactly."""
    top = max(sum(weights) for weights in blocks)
    mean, shares = Fraction(top), [Fraction(0)] * len(blocks)
    for start in range(top):
        lower = [below(weights, start) for weights in blocks]
        together = [Fraction(1)]
        for one in lower:
            together = multiplied(together, one)
        mean -= integral(together, start, start + 1)
        for number, one in enumerate(lower):
            product = [n * c for n, c in enumerate(one)][1:]
            for other in lower[:number] + lower[number + 1 :]:
                product = multiplied(product, other)
            shares[number] += integral(product, start, start + 1)
    return mean, shares


@given(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=6), min_size=2, max_size=4))
@settings(max_examples=20, deadline=None)
def test_one_sum_for_each_block_has_the_mean_and_the_shares_that_fractions_give(blocks):
    """Blocks of any sizes, with forms scaled to be at most 1, as futures are."""
    states = sum(map(len, blocks))
    forms, scale, start = np.zeros((len(blocks), states)), 1 / 24, 0
    for form, weights in zip(forms, blocks, strict=True):
        form[start : start + len(weights)] = np.multiply(weights, scale)
        start += len(weights)
    mean, shares = in_fractions(blocks)
    assert sum(shares) == 1
    found = expected_maximum(forms)
    assert found.mean == pytest.approx(float(mean * Fraction(1, 24)), abs=EXACT)
    assert np.allclose(found.shares, [float(share) for share in shares], atol=EXACT, rtol=0)


@given(
    sizes=st.sampled_from(
        [(4, 1), (5, 1), (6, 1), (1, 5, 1), (5, 2), (3, 3), (4, 3), (2, 2, 2), (3, 2, 1, 1)]
    ),
    forms=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=20, deadline=None)
def test_separate_blocks_give_the_same_result_as_one_block(sizes, forms, seed):
    """As one block, each form has the volume of its cell as its share, without quadrature."""
    generator, states = np.random.default_rng(seed), sum(sizes)
    rows, start = [], 0
    for size in sizes:
        for _ in range(forms if size > 1 else 1):
            rows.append(np.zeros(states))
            rows[-1][start : start + size] = generator.dirichlet(np.ones(size))
        start += size
    apart, whole = expected_maximum(np.array(rows)), cells(np.array(rows))
    assert apart.shares.sum() == pytest.approx(1, abs=EXACT)
    volumes = [one.volumes.sum() for one in whole]
    assert np.allclose(apart.shares, volumes, atol=EXACT, rtol=0)
    mean = sum(one.volumes @ one.corners.mean(axis=1) for one in whole)
    assert apart.mean == pytest.approx(mean, abs=EXACT)


def test_shares_that_do_not_add_up_to_one_are_an_error(monkeypatch):
    """That happens with too few nodes for the slope of a polynomial."""
    module, few = importlib.import_module("chisel.impact.expected_maximum"), legendre.leggauss(3)
    monkeypatch.setattr(module.legendre, "leggauss", lambda _: few)
    generator, forms = np.random.default_rng(1), np.zeros((3, 5))
    forms[:2, :4], forms[2, 4] = generator.dirichlet(np.ones(4), 2), 1
    with pytest.raises(ArithmeticError, match=r"shares add up to 1\.0004\d+, not to 1"):
        expected_maximum(forms)
