"""Integrated gradients against closed forms."""

import math

import numpy as np
import pytest
import torch

from chisel.analysis.attribution.integrated_gradients import integrated_gradients
from chisel.configs import ConfigError, NumericsError


def test_a_linear_score_is_attributed_exactly_in_one_step():
    draws = torch.Generator().manual_seed(0)
    x, start = torch.randn(2, 3, 4, 5, generator=draws)
    weights = torch.randn(4, 5, generator=draws)
    found = integrated_gradients(lambda a: (a * weights).sum((1, 2)) + 7, x, start, steps=1, axis=1)
    np.testing.assert_allclose(found.values, weights * (x - start), rtol=1e-5)
    np.testing.assert_allclose(found.gap, 0, atol=1e-5)
    np.testing.assert_allclose(found.by_channel, found.values.sum(axis=2))


def test_a_product_is_shared_equally():
    """∫ d/dx₁ (x₁x₂) along α·x is x₂/2, times x₁."""
    x = torch.tensor([[3.0, 4.0], [1.0, -2.0]])
    found = integrated_gradients(lambda a: a[:, 0] * a[:, 1], x, torch.zeros(1, 2), steps=8)
    np.testing.assert_allclose(found.values, [[6, 6], [-1, -1]], rtol=1e-6)
    np.testing.assert_allclose(found.difference, [12, -2])


def test_a_rectifier_gets_attributions_where_it_is_open_and_the_error_shrinks_with_the_steps():
    """relu(x - 1) from 0 to 3 is open on two thirds of the way: 3 · 2/3 = 2."""
    x = torch.tensor([[3.0, 5.0]])
    gaps = []
    for steps in (10, 1000):
        found = integrated_gradients(
            lambda a: torch.relu(a[:, 0] - 1), x, torch.zeros_like(x), steps=steps
        )
        gaps.append(abs(found.gap[0]))
        assert found.values[0, 1] == 0
        assert abs(found.values[0, 0] - 2) <= 3 / steps
    assert gaps[1] < gaps[0]


def test_what_cannot_be_attributed_is_refused():
    x = torch.ones(2, 3)
    with pytest.raises(ConfigError, match="steps=0"):
        integrated_gradients(lambda a: a.sum(1), x, x, steps=0)
    with pytest.raises(ConfigError, match=r"\[2, 4\], but activations are \[2, 3\]"):
        integrated_gradients(lambda a: a.sum(1), x, torch.ones(2, 4))
    with pytest.raises(NumericsError, match="not finite"):
        integrated_gradients(lambda a: (a * math.inf).sum(1), x, 0 * x)
