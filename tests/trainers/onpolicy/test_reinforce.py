"""REINFORCE's returns, loss and gradient are those of the equations; a run goes on to the bit."""

import numpy as np
import pytest
import torch

from chisel.configs import GridMlpConfig, OversightConfig, ReinforceConfig
from chisel.envs import make
from chisel.models import build, spaces_of
from chisel.trainers.onpolicy.collector import Collector
from chisel.trainers.onpolicy.module import OnPolicy, Outputs
from chisel.trainers.onpolicy.reinforce import Reinforce, returns_to_go
from tests.trainers.conftest import fit

GAMMA = 0.97


def slow_returns(rewards, dones, gamma):
    """Each step's return as the sum that defines it."""
    steps, envs = rewards.shape
    out = np.zeros_like(rewards)
    for i in range(envs):
        for t in range(steps):
            discount = 1.0
            for later in range(t, steps):
                out[t, i] += discount * rewards[later, i]
                discount *= gamma
                if dones[later, i]:
                    break
    return out


def test_returns_end_with_the_episode_and_with_the_rollout():
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=(12, 7))
    dones = rng.random((12, 7)) < 0.3
    found = returns_to_go(torch.from_numpy(rewards), torch.from_numpy(dones), GAMMA)
    np.testing.assert_allclose(found.numpy(), slow_returns(rewards, dones, GAMMA), atol=1e-12)


def batch(count=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "actions": torch.randint(0, 4, (count,), generator=generator),
        "returns": torch.randn(count, generator=generator),
    }


def outputs(count=40, seed=1):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, 4, generator=generator).requires_grad_()
    values = torch.randn(count, generator=generator).requires_grad_()
    return Outputs(logits, values, logits)


def by_hand(out, data, kept=None, *, ent=0.1, vf=0.5):
    """Sum over the examples of each one's loss, divided by the size of the whole batch."""
    total = torch.zeros(())
    for b in range(len(data["actions"])):
        if kept is not None and not kept[b]:
            continue
        probabilities = torch.softmax(out.logits[b], 0)
        advantage = (data["returns"][b] - out.values[b]).detach()
        total = total - probabilities[data["actions"][b]].log() * advantage
        total = total + vf * (out.values[b] - data["returns"][b]) ** 2
        total = total + ent * (probabilities * probabilities.log()).sum()
    return total / len(data["actions"])


@pytest.mark.parametrize("filtered", [False, True])
def test_loss_and_gradient_are_those_of_the_paper_example_by_example(filtered):
    data = batch()
    kept = torch.arange(40) % 3 == 0 if filtered else None
    given = data | ({"weights": kept.float()} if filtered else {})
    found, reference = outputs(), outputs()
    loss = Reinforce(ReinforceConfig()).losses(found, given).total
    expected = by_hand(reference, data, kept)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(found.logits.grad, reference.logits.grad)
    torch.testing.assert_close(found.values.grad, reference.values.grad)


def test_the_policys_gradient_does_not_pass_through_the_baseline():
    out = outputs()
    Reinforce(ReinforceConfig(vf_coef=0.0)).losses(out, batch()).total.backward()
    assert (out.values.grad == 0).all()


def test_the_gradient_of_the_expected_return_is_estimated_without_bias():
    """A bandit of four arms: the mean gradient over all draws is that of the expected reward."""
    logits = torch.tensor([0.3, -0.2, 0.5, 0.1])
    pays = torch.tensor([1.0, 0.0, -1.0, 0.5])
    probabilities = torch.softmax(logits, 0)
    exact = probabilities * (pays - (probabilities * pays).sum())
    rows = logits.repeat(4, 1).requires_grad_()
    algorithm = Reinforce(ReinforceConfig(ent_coef=0.0, vf_coef=0.0))
    # Each arm once, weighted by how often it is drawn.
    data = {"actions": torch.arange(4), "returns": pays, "weights": 4 * probabilities}
    algorithm.losses(Outputs(rows, torch.full((4,), 0.3), rows), data).total.backward()
    torch.testing.assert_close(-rows.grad.sum(0), exact)


def test_it_learns_the_gridworld():
    env = make(OversightConfig(num_envs=32, reward="routed"), seed=0)
    module = OnPolicy(
        build(GridMlpConfig(hidden=64), spaces_of(env), seed=0),
        Collector(env, seed=0, generator=torch.Generator().manual_seed(0)),
        Reinforce(ReinforceConfig(learning_rate=3e-3, ent_coef=0.01)),
        num_iterations=120,
        total_envs=32,
        minibatch_generator=torch.Generator().manual_seed(0),
        channels_last=False,
        about={},
    )
    fit(module)
    returns, lengths, _ = np.array(list(module.collector.episodes)).T
    assert returns.mean() > 0.93  # a random walk reaches something in 0.72 of the episodes
    assert lengths.mean() < 9  # and takes 17 steps
