"""What PPO guarantees: on-policy data, its targets, its stopping rules, its refusals."""

import math

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from chisel.configs import NumericsError
from chisel.trainers.runs.callbacks import SaveCrash
from tests.trainers.conftest import fit, make_ppo, same, weights
from tests.trainers.worlds import Corridor


class Watch(Callback):
    """Notes what each minibatch looked like, and when rollouts were collected."""

    def __init__(self):
        self.kl, self.ratios, self.order = [], [], []

    def on_train_epoch_start(self, trainer, module):
        self.order.append(f"collect {module.iteration + 1}")

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if batch_idx == 0:
            with torch.no_grad(), trainer.precision_plugin.forward_context():
                logits, _ = module(batch["obs"])
            log_probs = torch.log_softmax(logits.float(), -1)
            chosen = log_probs.gather(-1, batch["actions"][:, None])[:, 0]
            self.ratios.append((chosen - batch["log_probs"]).exp())

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.order.append(f"update {module.iteration}")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_ratio_of_the_first_minibatch_is_exactly_one(precision):
    watch = Watch()
    fit(make_ppo(), callbacks=[watch], precision=precision)
    assert all(torch.equal(r, torch.ones_like(r)) for r in watch.ratios)


def test_every_rollout_is_collected_after_the_updates_on_the_one_before():
    watch = Watch()
    fit(make_ppo(iterations=2), callbacks=[watch])
    assert watch.order == ["collect 1"] + ["update 1"] * 4 + ["collect 2"] + ["update 2"] * 4


def test_an_agent_learns_to_walk_the_corridor():
    module = make_ppo(Corridor(num_envs=16), iterations=40)
    fit(module)
    assert module.metrics()["charts/success"] > 0.95
    assert module.metrics()["charts/episodic_length"] < 5


def test_a_time_out_without_a_final_observation_never_looks_at_the_next_episode():
    targets = []
    for shade in (0, 1):
        module = make_ppo(Corridor(timeout=3, length=9), num_steps=3, norm_reward=False)
        module.collector.env.rng = np.random.default_rng(100 + shade)
        fit(module, epochs=1, callbacks=[collected := Columns("dones", "returns", "obs")])
        targets.append(collected)
    one, two = targets
    assert one["dones"][-1].all()
    assert not torch.equal(one.after, two.after), "the episodes that follow must differ"
    assert torch.equal(one["obs"], two["obs"])
    assert torch.equal(one["returns"], two["returns"])


class Columns(Callback):
    """Copies of columns before the first update, and the observation after the rollout."""

    def __init__(self, *names):
        self.names, self.columns = names, {}

    def __getitem__(self, name):
        return self.columns[name]

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if batch_idx == 0:
            self.columns = {name: module.buffer[name].clone() for name in self.names}
            self.after = torch.from_numpy(module.collector.obs.copy())


def test_a_time_out_with_a_final_observation_is_bootstrapped_from_it():
    module = make_ppo(
        Corridor(timeout=3, length=9, final_obs=True), num_steps=3, norm_reward=False, gamma=0.5
    )
    columns = Columns("rewards", "values", "bootstrap", "returns", "obs", "actions", "dones")
    with torch.no_grad():
        fit_columns(module, columns)
        last = columns["obs"][-1].clone()
        position = last[:, 1, :, 0].argmax(-1) + columns["actions"][-1]
        last[:, 1, :, 0] = 0
        last[torch.arange(4), 1, position, 0] = 255
        _, values = columns.model(last.permute(0, 3, 1, 2))
    torch.testing.assert_close(columns["bootstrap"][-1], values, rtol=0, atol=1e-6)
    torch.testing.assert_close(columns["returns"][-1], 0.5 * values, rtol=0, atol=1e-6)
    assert not columns["bootstrap"][:-1].any()


def fit_columns(module, columns):
    import copy

    columns.model = copy.deepcopy(module.model)
    with torch.enable_grad():
        fit(module, epochs=1, callbacks=[columns])


def test_target_kl_ends_the_updates_of_an_iteration_at_the_end_of_a_pass():
    module = make_ppo(iterations=1, update_epochs=5, target_kl=1e-12)
    fit(module)
    assert module.metrics()["charts/minibatches"] == 2
    free = make_ppo(iterations=1, update_epochs=5)
    fit(free)
    assert free.metrics()["charts/minibatches"] == 10


def test_the_learning_rate_falls_linearly_to_one_step_above_zero():
    rates = []

    class Rates(Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    fit(make_ppo(iterations=4, learning_rate=1.0), callbacks=[Rates()])
    assert sorted(set(rates), reverse=True) == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize("norm_adv", ["batch", "minibatch"])
def test_normalised_advantages_have_mean_0_and_standard_deviation_1(norm_adv):
    from chisel.trainers.runs.distributed import standardize

    values = torch.randn(512, generator=torch.Generator().manual_seed(0)) * 7 + 3
    out = standardize(values)
    assert abs(float(out.mean())) < 1e-6
    assert float(out.std()) == pytest.approx(1, abs=1e-6)


def broken(where):
    """A PPO whose numbers go bad in its third iteration, at the named place."""
    module = make_ppo(Corridor(floating=True), iterations=6)
    env = module.collector.env

    def bad():
        return module.iteration == 3

    if where == "observation":
        observe = env.observe
        env.observe = lambda: observe() * (math.nan if bad() else 1)
    elif where == "reward":
        step = env.step
        env.step = lambda a: (lambda o, r, *rest: (o, r + (math.inf if bad() else 0), *rest))(
            *step(a)
        )
    elif where == "advantage":
        algorithm = module.algorithm
        normalise = algorithm.normalizer.__call__
        algorithm.normalizer = Poisoned(algorithm.normalizer, normalise, bad)
    elif where == "logits":
        poison(module.model.fc_policy, lambda out: out * math.nan if bad() else out)
    elif where == "loss":
        poison(module.model.fc_value, lambda out: out + math.inf if updating(module) else out)
    elif where == "gradient":
        module.model.fc_value.weight.register_hook(lambda g: g * math.nan if bad() else g)
    return module


def updating(module):
    return module.iteration == 3 and torch.is_grad_enabled()


def poison(layer, function):
    layer.register_forward_hook(lambda _module, _inputs, out: function(out))


class Poisoned:
    def __init__(self, normalizer, normalise, bad):
        self.normalizer, self.normalise, self.bad = normalizer, normalise, bad

    def __call__(self, rewards, dones):
        return self.normalise(rewards, dones) * (math.nan if self.bad() else 1)

    def get_state(self):
        return self.normalizer.get_state()


@pytest.mark.parametrize(
    "where", ["observation", "reward", "advantage", "logits", "loss", "gradient"]
)
def test_a_nan_is_found_in_its_iteration_before_the_step(where, tmp_path):
    module = broken(where)
    after_two = Snapshot(2)
    with pytest.raises(NumericsError, match=r"not finite.*batch saved in") as caught:
        fit(module, callbacks=[after_two, SaveCrash(tmp_path)])
    assert module.iteration == 3
    assert same(weights(module), after_two.weights)
    assert caught.value.exit_code == 4
    bundle = torch.load(next(tmp_path.glob("iter-00000003*.pt")), weights_only=True)
    assert bundle["iteration"] == 3
    assert set(bundle["rollout"]) >= {"obs", "rewards", "actions"}


class Snapshot(Callback):
    """The weights at the end of an iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def on_train_epoch_end(self, trainer, module):
        if module.iteration == self.iteration:
            self.weights = weights(module)
