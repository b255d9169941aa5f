"""What a run under routes guarantees: who learns from what, in the forward, the steps, the log."""

import dataclasses

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from chisel import routing
from chisel.configs import ConfigError
from tests.trainers.conftest import EXPERTS, fit, make_ppo, same, weights
from tests.trainers.worlds import Corridor

PLAIN = dataclasses.replace(EXPERTS, gate_coef=0.0, l1=0.0)
NO_RULES = dataclasses.replace(PLAIN, rules={}, freeze=False)


def labels_of(source="maze-goal", **options):
    return dataclasses.replace(EXPERTS.labels, source=source, **options)


def test_rules_that_say_nothing_train_the_same_bits_as_no_rules():
    one = make_ppo(routing=NO_RULES)
    fit(one)
    ones = {"cheese": {"cheese": 1.0, "corner": 1.0}}
    two = make_ppo(routing=dataclasses.replace(PLAIN, rules=ones))
    fit(two)
    assert same(weights(one), weights(two))


class OnlyLabel(Callback):
    """Sets all labels of a rollout to one."""

    def __init__(self, label):
        self.label = label

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        batch["labels"].fill_(self.label)


def test_an_expert_that_no_label_reaches_keeps_its_bytes():
    always = {"cheese": {"corner": 0.0}, "corner": {"cheese": 0.0}}
    module = make_ppo(routing=dataclasses.replace(PLAIN, rules=always))
    before = weights(module)
    fit(module, callbacks=[OnlyLabel(0)])
    moved = {
        name for name, value in weights(module).items() if not torch.equal(value, before[name])
    }
    assert not [name for name in moved if ".experts.corner." in name]
    assert [name for name in moved if ".experts.cheese." in name]
    assert "fc_policy.weight" in moved


def test_before_its_start_nothing_is_routed():
    late = dataclasses.replace(PLAIN, start=10**9, freeze=False)
    one, two = make_ppo(routing=late), make_ppo(routing=NO_RULES)
    fit(one)
    fit(two)
    assert same(weights(one), weights(two))


@pytest.mark.parametrize(("steps", "price"), [(100, 0.0), (150, 0.5), (200, 1.0), (300, 2.0)])
def test_the_price_of_a_label_grows_over_the_ramp_and_is_paid_in_its_known_steps(steps, price):
    priced = dataclasses.replace(PLAIN, penalties={"corner": 2.0}, start=100, ramp=200)
    module = make_ppo(routing=priced)
    module.routes.begin(steps)
    module.routes.labels.column = lambda *shape: torch.tensor([[0, 1], [-1, 1]])
    columns = {"dones": torch.zeros(2, 2), "rewards": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}
    module.routes.finish(columns, module)
    assert columns["rewards"].tolist() == [[1.0, 2.0 - price], [3.0, 4.0 - price]]


def test_dropping_unlabelled_steps_leaves_them_out_of_the_loss():
    drop = dataclasses.replace(PLAIN, unlabelled_steps="drop", rules={})
    module = make_ppo(routing=dataclasses.replace(drop, labels=labels_of(share=0.0)), ent_coef=0.1)
    before = weights(module)
    fit(module)
    assert same(before, weights(module)), "no label, no loss, no step"


def test_shares_of_labels_add_up_and_empty_routes_give_no_nan_to_the_weights():
    module = make_ppo(routing=dataclasses.replace(EXPERTS, labels=labels_of(share=0.0)))
    fit(module)
    metrics = module.metrics()
    assert metrics["routes/unlabelled/share"] == 1
    assert metrics["routes/cheese/share"] == metrics["routes/corner/share"] == 0
    assert all(torch.isfinite(value).all() for value in weights(module).values())


def test_a_gate_learns_which_goal_an_image_shows():
    sure = dataclasses.replace(EXPERTS, gate_coef=1.0, labels=labels_of(share=1.0, precision=1.0))
    module = make_ppo(Corridor(num_envs=16), iterations=120, routing=sure, num_steps=16)
    losses = []

    class Watch(Callback):
        def on_train_epoch_end(self, trainer, module):
            losses.append(module.metrics()["losses/gate_loss"])

    fit(module, callbacks=[Watch()])
    assert losses[-1] < 0.8 * max(losses)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_routed_value_is_that_of_the_network_without_the_other_and_the_dropped_region(share):
    routed = dataclasses.replace(PLAIN, values="routed", drop={"corner": share})
    module = make_ppo(Corridor(num_envs=16), routing=routed, num_steps=16)
    taken = {}

    class First(Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            if not taken:
                taken.update({k: v.clone() for k, v in module.buffer.columns.items()})
                with torch.no_grad():
                    for gone in ((), ("cheese",), ("corner",), ("cheese", "corner")):
                        zero = dict.fromkeys(gone, "zero")
                        with routing.ablate(module.model, module.routes.router.regions, zero):
                            taken[gone] = module(taken["obs"].flatten(0, 1))[1].view(16, -1)

    fit(module, epochs=1, callbacks=[First()])
    labels, values, dropped = taken["labels"], taken["values"], taken["without corner"]
    assert {-2, 0, 1} <= set(labels.unique().tolist())
    assert dropped.any() == (share > 0)
    for label, outside in ((-2, ()), (-1, ()), (0, ("corner",)), (1, ("cheese",))):
        for was_dropped in (False, True):
            where = (labels == label) & (dropped == was_dropped)
            gone = tuple(sorted({*outside, *(["corner"] if was_dropped else [])}))
            torch.testing.assert_close(values[where], taken[gone][where], rtol=1e-5, atol=1e-6)


def test_acting_alone_is_learnt_by_what_a_label_leaves_open_and_by_the_heads():
    module = make_ppo(routing=dataclasses.replace(PLAIN, alone_coef=1.0))
    regions = module.routes.router.regions
    with torch.no_grad():  # a new policy is nearly uniform, whatever it reads
        module.model.fc_policy.weight.mul_(100)
    obs = torch.from_numpy(module.collector.obs)
    labels = torch.arange(len(obs)) % 3 - 1
    images = module._images(obs)
    module.routes.forward(module.model, images, {"labels": labels})
    loss, logged = module.routes.losses({"labels": labels}, None)
    with torch.no_grad():
        whole = module(obs)[0].log_softmax(-1)
        expected = []
        for label, gone in ((0, "corner"), (1, "cheese")):
            with routing.ablate(module.model, regions, {gone: "zero"}):
                alone = module(obs)[0].log_softmax(-1)
            expected += (whole.exp() * (whole - alone)).sum(-1)[labels == label].tolist()
    assert logged["alone_loss"].item() == pytest.approx(sum(expected) / len(expected), rel=1e-4)
    assert loss.item() == logged["alone_loss"].item() > 1e-4

    labels = torch.zeros_like(labels)  # all of them "cheese"
    module.routes.forward(module.model, images, {"labels": labels})
    module.routes.losses({"labels": labels}, None)[0].backward()
    moved = {n for n, p in module.model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"fc_policy.weight", "embedder.experts.cheese.fc.weight"} <= moved
    assert not [name for name in moved if ".experts.corner." in name]


def test_the_policy_that_acted_without_a_region_is_updated_without_it():
    dropping = dataclasses.replace(PLAIN, drop={"corner": 0.5, "cheese": 0.5})
    ratios = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            if batch_idx == 0:
                ratios.append(float(module._steps[0]["old_approx_kl"]))
                assert batch["without corner"].any()

    module = make_ppo(Corridor(num_envs=16), iterations=3, routing=dropping)
    fit(module, callbacks=[Watch()])
    assert ratios == [0.0] * 3


def test_nothing_is_dropped_before_its_start():
    late = dataclasses.replace(PLAIN, drop={"corner": 1.0}, drop_start=2 * 8 * 16)
    shares = []

    class Watch(Callback):
        def on_train_epoch_end(self, trainer, module):
            shares.append(float(module.buffer["without corner"].float().mean()))

    fit(make_ppo(Corridor(num_envs=16), iterations=4, routing=late), callbacks=[Watch()])
    assert shares == [0, 0, 1, 1]


def test_where_a_region_is_dropped_unlabelled_steps_can_be_left_out_of_the_loss():
    dropping = dataclasses.replace(
        PLAIN,
        drop={"corner": 0.4, "cheese": 0.4},
        dropped_steps="labelled",
        labels=labels_of(share=0.5),
    )
    seen = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            without = [batch["without corner"], batch["without cheese"]]
            assert not (without[0] & without[1]).any(), "one region at most"
            left_out = (without[0] | without[1]) & (batch["labels"] < 0)
            assert torch.equal(batch["weights"], (~left_out).float())
            seen.append(left_out.any() and not left_out.all())

    fit(make_ppo(Corridor(num_envs=16), iterations=3, routing=dropping), callbacks=[Watch()])
    assert any(seen)


def test_terms_with_their_own_rules_reach_the_regions_that_these_open():
    terms = {"value": {"cheese": {"features": 0.0}}, "policy": {"cheese": {"features": 1.0}}}
    forked = dataclasses.replace(
        PLAIN,
        regions={"features": [{"module": "embedder"}]},
        rules={"cheese": {"features": 1.0}},
        terms=terms | {"entropy": {"cheese": {"features": 0.0}}},
    )
    module = make_ppo(routing=forked)
    obs = torch.from_numpy(module.collector.obs)
    batch = {"labels": torch.zeros(len(obs), dtype=torch.int64)}
    logits, values, entropy = module.routes.forward(module.model, module._images(obs), batch)
    embedder = [p for p in module.model.embedder.parameters()]
    for output, reaches in ((logits, True), (values, False), (entropy, False)):
        grads = torch.autograd.grad(output.sum(), embedder, retain_graph=True, allow_unused=True)
        assert any(g is not None and g.abs().sum() > 0 for g in grads) == reaches
    assert torch.equal(logits, entropy)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rules": {"chese": {}}}, "no label 'chese'; did you mean 'cheese'"),
        ({"regions": {"a": [{"module": "embedder.expert"}]}}, "embedder.expert"),
    ],
)
def test_what_does_not_fit_the_network_is_refused_in_one_line(change, says):
    with pytest.raises(ConfigError, match=says):
        make_ppo(routing=dataclasses.replace(EXPERTS, **({"rules": {}} | change)))
