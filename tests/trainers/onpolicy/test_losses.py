"""PPO's losses against the published equations, written out one example at a time."""

import math

import numpy as np
import pytest
import torch

from chisel.trainers.onpolicy.losses import (
    action_log_prob,
    divergence,
    explained_variance,
    policy_loss,
    value_loss,
)


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return {
        "logits": torch.from_numpy(rng.normal(size=(64, 5))).float() * 2,
        "actions": torch.from_numpy(rng.integers(0, 5, 64)),
        "old": torch.from_numpy(rng.normal(size=64)).float() * 0.3 - 1.5,
        "advantages": torch.from_numpy(rng.normal(size=64)).float(),
        "values": torch.from_numpy(rng.normal(size=64)).float(),
        "old_values": torch.from_numpy(rng.normal(size=64)).float(),
        "returns": torch.from_numpy(rng.normal(size=64)).float(),
    }


def test_log_probability_and_entropy_equal_torch_distributions(batch):
    log_probs, entropy = action_log_prob(batch["logits"], batch["actions"])
    reference = torch.distributions.Categorical(logits=batch["logits"])
    torch.testing.assert_close(log_probs, reference.log_prob(batch["actions"]), rtol=0, atol=1e-6)
    torch.testing.assert_close(entropy, reference.entropy(), rtol=0, atol=1e-6)


def test_policy_loss_equals_equation_7_of_the_paper(batch):
    log_probs, _ = action_log_prob(batch["logits"], batch["actions"])
    losses = policy_loss(log_probs - batch["old"], batch["advantages"], 0.2)
    for i, loss in enumerate(losses.tolist()):
        ratio = math.exp(float(log_probs[i]) - float(batch["old"][i]))
        clipped = min(max(ratio, 0.8), 1.2)
        advantage = float(batch["advantages"][i])
        assert loss == pytest.approx(-min(ratio * advantage, clipped * advantage), abs=1e-6)


@pytest.mark.parametrize("clip", [None, 0.2])
def test_value_loss_is_half_the_larger_squared_error(batch, clip):
    losses = value_loss(batch["values"], batch["old_values"], batch["returns"], clip)
    rows = zip(*(batch[k].tolist() for k in ("values", "old_values", "returns")), strict=True)
    for loss, (value, old, target) in zip(losses.tolist(), rows, strict=True):
        error = (value - target) ** 2
        if clip is not None:
            moved = old + min(max(value - old, -clip), clip)
            error = max(error, (moved - target) ** 2)
        assert loss == pytest.approx(error / 2, abs=1e-6)


def test_k3_estimates_the_divergence_of_two_known_policies():
    generator = torch.Generator().manual_seed(0)
    old = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    new = torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64)
    actions = torch.multinomial(old, 200_000, replacement=True, generator=generator)
    terms = divergence((new.log() - old.log())[actions], 0.2)
    kl = float((old * (old.log() - new.log())).sum())
    assert float(terms["approx_kl"]) == pytest.approx(kl, rel=0.02)
    assert float(terms["old_approx_kl"]) == pytest.approx(kl, rel=0.1)
    share = (((new / old) - 1).abs() > 0.2)[actions].double().mean()
    assert float(terms["clipfrac"]) == pytest.approx(float(share), abs=1e-6)


def test_a_policy_compared_with_itself_has_no_divergence(batch):
    log_probs, _ = action_log_prob(batch["logits"], batch["actions"])
    assert all(float(v) == 0 for v in divergence(log_probs - log_probs, 0.2).values())


def test_explained_variance_is_one_for_a_perfect_critic_and_nan_without_variance():
    target = torch.tensor([1.0, 2.0, 5.0])
    assert float(explained_variance(target, target)) == 1
    assert float(explained_variance(torch.full((3,), 7.0), target)) == 0
    assert math.isnan(float(explained_variance(target, torch.ones(3))))
