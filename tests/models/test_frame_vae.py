"""The likelihood of the frame encoder is a density, and its bound is that of the equations."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn

from chisel.models import FrameVae

LOGITS = [
    -9.0,
    -2.5,
    -0.1,
    -5e-3,
    -4e-3,
    -3.9e-3,
    -1e-5,
    0.0,
    1e-5,
    3.9e-3,
    4e-3,
    5e-3,
    0.1,
    2.5,
    9,
]
"""Success probabilities within .001 of 1/2, where the normaliser is a series, lie within ±.004."""


def vae(pixels=6, latent=2, seed=0):
    return FrameVae(pixels, latent, torch.Generator().manual_seed(seed))


def with_logits(logits):
    """An encoder whose decoder puts out given logits, and whose encodings are the prior's."""
    found = vae(pixels=len(logits)).double()
    for part in (found.mean, found.deviation, found.decoder):
        for layer in part:
            if isinstance(layer, nn.Linear):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
    with torch.no_grad():
        found.decoder[-1].bias.copy_(torch.tensor(logits))
        found.deviation[-2].bias.fill_(np.log(np.e - 1))  # softplus makes it 1
    return found


def log_constant(logit):
    """log of `2 artanh(1 - 2λ) / (1 - 2λ)`, at λ = 1/2 by its limit."""
    x = -np.tanh(logit / 2)  # 1 - 2λ
    return np.log(2 * np.arctanh(x) / x) if x else np.log(2)


@pytest.mark.parametrize("logit", LOGITS)
@pytest.mark.parametrize("pixel", [0.0, 0.3, 1.0])
def test_the_loss_of_a_pixel_is_minus_the_log_of_its_density(logit, pixel):
    pixels = torch.tensor([[pixel]], dtype=torch.float64)
    loss = with_logits([logit]).loss(pixels, torch.zeros(1, 2).double()).detach()
    chance = 1 / (1 + np.exp(-logit))
    density = pixel * np.log(chance) + (1 - pixel) * np.log1p(-chance) + log_constant(logit)
    assert float(loss) == pytest.approx(-density, abs=1e-7)


@pytest.mark.parametrize("logit", [-6.0, -4e-3, 0.0, 3.9e-3, 2.0])
def test_the_density_integrates_to_one(logit):
    model, noise = with_logits([logit]), torch.zeros(1, 2).double()

    def density(pixel):
        pixels = torch.tensor([[pixel]], dtype=torch.float64)
        return float((-model.loss(pixels, noise)).detach().exp())

    assert quad(density, 0, 1, epsabs=1e-8)[0] == pytest.approx(1, abs=1e-6)


def test_gradients_are_finite_where_the_series_takes_over():
    model = with_logits(LOGITS)
    model.loss(torch.full((3, len(LOGITS)), 0.4).double(), torch.zeros(3, 2).double()).backward()
    assert all(torch.isfinite(one.grad).all() for one in model.parameters())


def test_the_bound_subtracts_the_divergence_from_the_prior_pixel_by_pixel_and_number_by_number():
    model, pictures = vae().double(), torch.rand(4, 6, generator=torch.Generator().manual_seed(1))
    pictures, noise = pictures.double(), torch.randn(4, 2).double()
    mean, deviation = model.encode(pictures)
    logits = model.decoder(mean + deviation * noise)
    total = 0.0
    for row in range(4):
        for m, s in zip(mean[row].tolist(), deviation[row].tolist(), strict=True):
            total += (m**2 + s**2 - 1) / 2 - np.log(s)
        for x, logit in zip(pictures[row].tolist(), logits[row].tolist(), strict=True):
            chance = 1 / (1 + np.exp(-logit))
            total -= x * np.log(chance) + (1 - x) * np.log1p(-chance) + log_constant(logit)
    assert float(model.loss(pictures, noise).detach()) == pytest.approx(total / 4, rel=1e-6)


def test_equal_seeds_give_equal_weights_and_the_global_random_state_is_not_touched():
    before = torch.get_rng_state()
    one, other = vae(seed=3).state_dict(), vae(seed=3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.get_rng_state())
