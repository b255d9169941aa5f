"""Gradients of a dry run are those of training, split by the true label of the examples."""

import dataclasses

import numpy as np
import pytest
import torch

from chisel.configs import ConfigError, LabelsConfig
from chisel.trainers.studies.dry_run import CONDITIONS, DryRun, label_as_overseen
from tests.trainers.conftest import EXPERTS, make_ppo
from tests.trainers.worlds import Corridor

KNOWN = dataclasses.replace(EXPERTS, labels=LabelsConfig(source="maze-goal"), gate_coef=0.0, l1=0.0)


def make(**changes):
    options = dataclasses.replace(KNOWN, **changes)
    return DryRun(make_ppo(Corridor(num_envs=16), routing=options, num_steps=16))


def batches(dry_run, seed=0):
    return list(dry_run.batches(512, 128, torch.Generator().manual_seed(seed)))


def whole(dry_run, batch, condition):
    """Gradients of the plain mean over all examples, as a training step has them."""
    module = dry_run.module
    module.routes = None if condition == "without routes" else dry_run.routes
    loss = module.training_step(batch.columns[condition], 0)
    module.routes = dry_run.routes
    names, parameters = zip(*module.model.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    dry_run.routes.router.clear()
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_gradients_of_all_labels_add_up_to_the_training_steps(condition):
    dry_run = make()
    batch = batches(dry_run)[0]
    assert len(batch.kinds) == 128
    assert {0, 1} < set(batch.kinds.tolist()), "and some that have not ended"
    parts = {k: dry_run.gradients(batch, condition, k) for k in batch.kinds.unique().tolist()}
    for name, gradient in whole(dry_run, batch, condition).items():
        shares = {k: (batch.kinds == k).float().mean() for k in parts}
        found = [
            share * parts[k][name] for k, share in shares.items() if parts[k][name] is not None
        ]
        if gradient is None:
            assert not found
        else:
            torch.testing.assert_close(sum(found), gradient, rtol=1e-4, atol=1e-6)


def test_routes_close_the_other_expert_exactly_and_leave_the_own_as_it_was():
    dry_run = make()
    batch = batches(dry_run)[0]
    plain = dry_run.gradients(batch, "without routes", 0)
    routed = dry_run.gradients(batch, "labelled", 0)
    free = dry_run.gradients(batch, "unlabelled", 0)
    for name, gradient in routed.items():
        torch.testing.assert_close(free[name], plain[name])
        if ".experts.corner." in name:
            assert not gradient.any()
            assert plain[name].any()
        if ".experts.cheese." in name:
            torch.testing.assert_close(gradient, plain[name])


def test_a_label_without_examples_has_no_gradients():
    dry_run = make()
    batch = batches(dry_run)[0]
    none = dataclasses.replace(batch, kinds=torch.full_like(batch.kinds, -1))
    assert dry_run.gradients(none, "labelled", 0) is None


def test_a_dry_run_plays_the_same_each_time_and_learns_nothing():
    dry_run = make()
    before = {k: v.clone() for k, v in dry_run.module.model.state_dict().items()}
    one, two = batches(dry_run), batches(dry_run)
    assert len(one) == len(two) == 4
    for first, second in zip(one, two, strict=True):
        torch.testing.assert_close(first.columns, second.columns, rtol=0, atol=0)
        assert torch.equal(first.kinds, second.kinds)
    with torch.no_grad():
        dry_run.module.model.fc_policy.bias.add_(1)
    dry_run.load(None)
    after = dry_run.module.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_labelled_examples_are_compared_with_the_values_of_their_own_part():
    dry_run = make(values="routed")
    for batch in batches(dry_run):
        known = batch.kinds >= 0
        columns = batch.columns
        same = columns["labelled"]["values"] == columns["unlabelled"]["values"]
        assert same[~known].all()
        assert not same[known].any()
        assert (columns["unlabelled"]["labels"] == -1).all()
        assert torch.equal(columns["labelled"]["labels"], batch.kinds)


FREE = {"rules": {}, "regions": {"half": [{"module": "embedder.gate_net"}]}}
"""A region without rules, so that labels may have any names."""


def test_true_labels_are_those_of_episodes_that_are_all_overseen():
    labels = LabelsConfig(source="overseen-goal")
    routes = make_routes(labels=labels, **FREE)
    facts = {"outcome": np.array([0, 1, 2]), "overseen": np.array([True, False, False])}
    assert routes.labels.label(facts).tolist() == [-1, -1, -1]
    label_as_overseen(routes)
    assert routes.labels.label(facts).tolist() == [-1, 0, 1]
    assert routes.labels.label.names == ("diamond", "ghost")


def test_labels_of_single_steps_stay_labels_of_steps():
    routes = make_routes(labels=LabelsConfig(source="disturbing-step"), **FREE)
    label_as_overseen(routes)
    assert routes.labels.label.of == "step"
    facts = {"disturbs": np.array([True, False])}
    assert routes.labels.label(facts).tolist() == [1, 0]


def make_routes(**changes):
    return make_ppo(routing=dataclasses.replace(KNOWN, **changes)).routes


def test_a_run_without_routes_is_refused():
    with pytest.raises(ConfigError, match=r"routing\.regions"):
        DryRun(make_ppo())
