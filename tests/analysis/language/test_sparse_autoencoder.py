"""A sparse autoencoder finds planted directions, and clamping changes one of them alone."""

import pytest
import torch

from chisel.analysis.language import (
    clamp_feature,
    separating_feature,
    sparse_autoencoder,
)

UNITS, PLANTED, ACTIVE = 24, 32, 2


def planted(count, seed, without=()):
    """Activations with two of many directions each, and the directions."""
    generator = torch.Generator().manual_seed(9)
    directions = torch.nn.functional.normalize(
        torch.randn(PLANTED, UNITS, generator=generator), dim=1
    )
    generator.manual_seed(seed)
    odds = torch.ones(count, PLANTED)
    odds[:, list(without)] = 0
    chosen = torch.multinomial(odds, ACTIVE, generator=generator)
    sizes = 1 + torch.rand(count, ACTIVE, generator=generator)
    codes = torch.zeros(count, PLANTED).scatter(1, chosen, sizes)
    return codes @ directions + 0.5, directions


@pytest.fixture(scope="module")
def fitted():
    values, directions = planted(4000, 0)
    made = sparse_autoencoder(values, features=64, active=ACTIVE, steps=700, seed=0)
    return made, directions


def test_planted_directions_are_found(fitted):
    made, directions = fitted
    cosines = (made.directions @ directions.T).amax(0)
    assert (cosines > 0.9).float().mean() > 0.8
    assert made.directions.norm(dim=1) == pytest.approx(1)


def test_other_activations_are_given_back_from_few_features(fitted):
    made, _ = fitted
    values, _ = planted(500, 1)
    assert (made.features(values) > 0).sum(1).max() <= ACTIVE
    error = (made(values) - values).square().sum()
    assert error < 0.2 * (values - values.mean(0)).square().sum()


def test_what_separates_two_sets_is_the_direction_that_one_of_them_lacks(fitted):
    made, directions = fitted
    present = int((made.directions @ directions.T).amax(0).argmax())
    plus, minus = planted(400, 2)[0], planted(400, 3, without=[present])[0]
    feature = separating_feature(made, plus, minus)
    assert made.directions[feature] @ directions[present] > 0.9


def test_a_clamped_feature_moves_along_its_direction_and_leaves_the_first_token(fitted):
    made, _ = fitted
    values = planted(6, 4)[0].view(2, 3, UNITS)
    changed = clamp_feature(made, 5, 3.0)(values)
    torch.testing.assert_close(changed[:, 0], values[:, 0], rtol=0, atol=0)
    missing = 3.0 - made.features(values)[..., 5]
    moved = (changed - values) @ made.directions[5]
    torch.testing.assert_close(moved[:, 1:], missing[:, 1:])
    along = moved[..., None] * made.directions[5]
    torch.testing.assert_close(changed, values + along)
