"""The losses of split representations, beside slow transcriptions."""

import numpy as np
import pytest
import torch

from chisel.trainers.supervised.autoencoder import correlation, l1_norm, reconstruction


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("labels", [[0, 1, 1, 0, 1], [1, 1, 1, 1, 1], [-1, 0, -1, -1, 1]])
def test_the_reconstruction_loss_is_the_sum_of_each_groups_mean_error(generator, labels):
    made, images = torch.rand(2, 5, 3, 4, generator=generator)
    expected = 0.0
    for group in sorted(set(labels)):
        errors = [
            np.abs(made[i].numpy() - images[i].numpy()).mean()
            for i, label in enumerate(labels)
            if label == group
        ]
        expected += sum(errors) / len(errors)
    loss = reconstruction(made, images, torch.tensor(labels), 2)
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_a_label_without_examples_gives_neither_loss_nor_nan(generator):
    made = torch.rand(3, 2, 2, generator=generator, requires_grad=True)
    loss = reconstruction(made, torch.zeros(3, 2, 2), torch.zeros(3, dtype=torch.long), 5)
    loss.backward()
    assert loss.isfinite()
    assert made.grad.isfinite().all()


def test_the_l1_norm_is_summed_over_units_and_averaged_over_examples():
    assert float(l1_norm(torch.tensor([[1.0, -2.0], [0.0, 5.0]]))) == 4.0


def test_the_correlation_equals_that_of_numpy(generator):
    encoding = torch.randn(40, 6, generator=generator).cumsum(1)
    full = np.corrcoef(encoding.numpy().T)
    expected = np.abs(full[:3, 3:]).mean()
    assert float(correlation(encoding)) == pytest.approx(expected, abs=1e-6)


def test_copies_of_a_half_are_correlated_and_dead_units_harmless(generator):
    unit = torch.randn(30, 1, generator=generator)
    assert float(correlation(torch.cat([unit, -3 * unit + 1], 1))) == pytest.approx(1)
    dead = torch.cat([unit, torch.zeros(30, 1)], 1).requires_grad_()
    loss = correlation(dead)
    loss.backward()
    assert loss.item() == 0
    assert dead.grad.isfinite().all()


def test_a_single_example_has_no_correlation():
    encoding = torch.ones(1, 4, requires_grad=True)
    loss = correlation(encoding)
    loss.backward()
    assert loss.item() == 0
    assert encoding.grad.isfinite().all()
