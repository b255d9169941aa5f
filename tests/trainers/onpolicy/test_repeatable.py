"""PPO's ratio is 1 before the first update: networks for which it would not be are refused."""

import copy

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from chisel.configs import (
    ConfigError,
    GridworldConfig,
    ImpalaConfig,
    PPOConfig,
    ReinforceConfig,
    RunConfig,
    registry,
)
from chisel.models import ActorCritic, build, spaces_of
from chisel.trainers.onpolicy.collector import Collector
from chisel.trainers.onpolicy.losses import action_log_prob
from chisel.trainers.onpolicy.module import OnPolicy
from chisel.trainers.onpolicy.ppo import PPO, build_ppo
from chisel.trainers.onpolicy.reinforce import build_reinforce
from chisel.trainers.onpolicy.repeatable import require_repeatable
from tests.trainers.conftest import fit, make_aup
from tests.trainers.worlds import Corridor

FEATURES = 16


class Called(nn.Module):
    """A network written as a function, which may look at `self`."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.times = 0

    def forward(self, x):
        self.times += 1
        return self.function(self, x)


class Attention(nn.Module):
    def __init__(self, dropout, side=5):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, dropout=dropout, batch_first=True)

    def forward(self, x):
        tokens = x.view(len(x), 4, 4)
        return self.attention(tokens, tokens, tokens)[0].flatten(1)


class Recurrent(nn.Module):
    """Carries a state from call to call."""

    def __init__(self):
        super().__init__()
        self.cell, self.state = nn.GRUCell(FEATURES, FEATURES), None

    def forward(self, x):
        self.state = self.cell(x, self.state if self.state is not None else torch.zeros_like(x))
        return self.state


class RunningMean(nn.Module):
    """Normalises by statistics that every call in training mode changes, as wrappers do."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))

    def forward(self, x):
        if self.training:
            self.mean.lerp_(x.mean(0), 0.1)
        return x - self.mean


class Own(nn.Module):
    """Noise of a generator of its own, which torch's random state says nothing of."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator()

    def forward(self, x):
        return x + torch.randn(x.shape, generator=self.generator)


def dropped_behind_zero():
    """What dropout does is seen only once the layer behind it has learnt something."""
    last = nn.Linear(FEATURES, FEATURES)
    nn.init.zeros_(last.weight)
    return nn.Sequential(nn.Dropout(0.5), last)


def normalised_behind_zero():
    layers = nn.Sequential(nn.BatchNorm1d(FEATURES), nn.Linear(FEATURES, FEATURES))
    nn.init.zeros_(layers[1].weight)
    return layers


def frozen_statistics():
    return nn.BatchNorm1d(FEATURES).eval()


REFUSED = {
    "Dropout": nn.Dropout(0.2),
    "rare Dropout": nn.Dropout(1e-4),
    "Dropout behind zeros": dropped_behind_zero(),
    "Dropout1d": nn.Sequential(nn.Unflatten(1, (4, 4)), nn.Dropout1d(0.5), nn.Flatten()),
    "Dropout2d": nn.Sequential(nn.Unflatten(1, (4, 2, 2)), nn.Dropout2d(0.5), nn.Flatten()),
    "AlphaDropout": nn.AlphaDropout(0.2),
    "FeatureAlphaDropout": nn.Sequential(
        nn.Unflatten(1, (4, 4)), nn.FeatureAlphaDropout(0.5), nn.Flatten()
    ),
    "RReLU": nn.RReLU(),
    "GaussianNoise": Called(lambda self, x: x + 0.1 * torch.randn_like(x)),
    "functional dropout": Called(lambda self, x: nn.functional.dropout(x, 0.3, self.training)),
    "dropout that never rests": Called(lambda self, x: nn.functional.dropout(x, 0.3)),
    "layers dropped now and then": Called(lambda self, x: x if torch.rand(()) > 0.1 else 0 * x),
    "own generator": Own(),
    "attention": Attention(0.1),
    "BatchNorm1d": nn.BatchNorm1d(FEATURES),
    "BatchNorm2d": nn.Sequential(nn.Unflatten(1, (4, 2, 2)), nn.BatchNorm2d(4), nn.Flatten()),
    "statistics behind zeros": normalised_behind_zero(),
    "BatchNorm without statistics": nn.BatchNorm1d(FEATURES, track_running_stats=False),
    "InstanceNorm with statistics": nn.Sequential(
        nn.Unflatten(1, (4, 4)), nn.InstanceNorm1d(4, track_running_stats=True), nn.Flatten()
    ),
    "centred by the batch": Called(lambda self, x: x - x.mean(0)),
    "divided by the batch's largest": Called(lambda self, x: x / (1e-6 + x.abs().amax())),
    "other in larger batches": Called(lambda self, x: x * (1 + 0.01 * len(x))),
    "noise with gradients": Called(
        lambda self, x: x + 0.1 * torch.randn_like(x) * torch.is_grad_enabled()
    ),
    "other with gradients": Called(lambda self, x: 2 * x if torch.is_grad_enabled() else x),
    "spectral norm": nn.utils.parametrizations.spectral_norm(nn.Linear(FEATURES, FEATURES)),
    "running mean": RunningMean(),
    "recurrent": Recurrent(),
    "counting": Called(lambda self, x: x / self.times),
    "other in training": Called(lambda self, x: 2 * x if self.training else x),
    "transformer": nn.Sequential(
        nn.Unflatten(1, (4, 4)), nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.Flatten()
    ),
}
ACCEPTED = {
    "nothing": nn.Identity(),
    "Dropout(0)": nn.Dropout(0.0),
    "LayerNorm": nn.LayerNorm(FEATURES),
    "GroupNorm": nn.GroupNorm(4, FEATURES),
    "InstanceNorm": nn.Sequential(nn.Unflatten(1, (4, 4)), nn.InstanceNorm1d(4), nn.Flatten()),
    "frozen BatchNorm": frozen_statistics(),
    "Dropout that rests": nn.Dropout(0.5).eval(),
    "weight norm": nn.utils.parametrizations.weight_norm(nn.Linear(FEATURES, FEATURES)),
    "attention": Attention(0.0),
    "transformer": nn.Sequential(
        nn.Unflatten(1, (4, 4)),
        nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
        nn.Flatten(),
    ),
    "recurrent over columns": nn.Sequential(
        nn.Unflatten(1, (4, 4)),
        nn.GRU(4, 4, batch_first=True),
        Called(lambda _, x: x[0].flatten(1)),
    ),
    "in place": nn.Sequential(nn.ReLU(inplace=True), nn.Linear(FEATURES, FEATURES)),
    "normalised by example": Called(lambda self, x: x / (1 + x.abs().amax(1, keepdim=True))),
}
NAMED = {
    "Dropout": r"embedder\.3 \(Dropout\) is random",
    "functional dropout": r"embedder\.3 \(Called\) is random",
    "attention": r"embedder\.3\.attention \(MultiheadAttention\) is random",
    "own generator": r"embedder\.3 \(Own\) is random or remembers",
    "recurrent": "remembers",
    "spectral norm": r"\(_SpectralNorm\) keeps statistics",
    "statistics behind zeros": r"embedder\.3\.0 \(BatchNorm1d\) keeps statistics",
    "BatchNorm without statistics": r"embedder\.3 \(BatchNorm1d\) looks at the rest of the batch",
    "centred by the batch": r"embedder\.3 \(Called\) looks at the rest of the batch",
    "other in larger batches": r"embedder\.3 \(Called\) looks at the rest of the batch",
    "other with gradients": r"embedder\.3 \(Called\) answers differently where gradients",
    "running mean": r"embedder\.3 \(RunningMean\) keeps statistics",
    "BatchNorm1d": r"embedder\.3 \(BatchNorm1d\) keeps statistics",
    "InstanceNorm with statistics": r"embedder\.3\.1 \(InstanceNorm1d\) keeps statistics",
    "other in training": r"embedder\.3 \(Called\) answers differently in evaluation mode",
}


def network(middle, env):
    """A network with something between its layers, told apart enough for ratios to show it."""
    height, width, channels = env.single_observation_space.shape
    torch.manual_seed(0)
    embedder = nn.Sequential(
        nn.Flatten(), nn.Linear(height * width * channels, FEATURES), nn.Tanh(), middle
    )
    model = ActorCritic(
        embedder,
        hidden=FEATURES,
        num_actions=2,
        obs_range=spaces_of(env).obs_range,
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        model.fc_policy.weight.mul_(100)
    return model


def module_of(middle, env=None):
    env = env or Corridor()
    return OnPolicy(
        network(copy.deepcopy(middle), env),
        Collector(env, seed=0, generator=torch.Generator().manual_seed(0)),
        PPO(PPOConfig(num_steps=8, num_minibatches=2), total_envs=env.num_envs),
        num_iterations=1,
        total_envs=env.num_envs,
        minibatch_generator=torch.Generator().manual_seed(0),
        channels_last=True,
        about={},
    )


def first_ratios(module):
    """π_new / π_old of minibatches of the first rollout, before any update."""
    module.on_fit_start()
    module.collector.collect(module, module.buffer)
    found = []
    for rows in torch.randperm(32, generator=torch.Generator().manual_seed(0)).split(8):
        logits, _ = module(module.buffer.flat("obs")[rows])
        taken, _ = action_log_prob(logits, module.buffer.flat("actions")[rows])
        found.append((taken - module.buffer.flat("log_probs")[rows]).exp())
    return torch.cat(found)


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_answer_differently_is_refused_when_it_is_built(name):
    with pytest.raises(
        ConfigError, match=NAMED.get(name, "a policy must give the same outputs")
    ) as caught:
        module_of(REFUSED[name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_first_ratio_is_one_for_whatever_is_accepted(name):
    ratios = first_ratios(module_of(ACCEPTED[name]))
    assert torch.allclose(ratios, torch.ones(32), atol=1e-5)


@pytest.mark.parametrize(
    "name",
    [one for one in registry.names("model") if registry.get("model", one).learns_from == "world"],
)
def test_every_policy_of_ours_is_accepted(name):
    env = Corridor()
    env.single_observation_space = spaces.Box(0, 255, (17, 17, 3), np.uint8)
    model = build(registry.get("model", name).schema(), spaces_of(env))
    require_repeatable(
        model, lambda obs: model(obs.permute(0, 3, 1, 2)), env.single_observation_space
    )


@pytest.mark.parametrize("middle", ["LayerNorm", "frozen BatchNorm"])
def test_checking_a_network_changes_nothing_of_it(middle):
    env = Corridor()
    model = network(ACCEPTED[middle], env)
    model.embedder[2].eval()
    before = copy.deepcopy(model)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    require_repeatable(
        model, lambda obs: model(obs.permute(0, 3, 1, 2)), env.single_observation_space
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert [m.training for m in model.modules()] == [m.training for m in before.modules()]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    for name, value in before.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_statistics_are_back_after_a_refusal():
    env = Corridor()
    model = network(nn.BatchNorm1d(FEATURES), env)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ConfigError):
        require_repeatable(
            model, lambda obs: model(obs.permute(0, 3, 1, 2)), env.single_observation_space
        )
    for name, value in model.state_dict().items():
        assert torch.equal(before[name], value)


@pytest.mark.parametrize(
    ("make", "algo"),
    [(build_ppo, PPOConfig(num_steps=8)), (build_reinforce, ReinforceConfig(num_steps=8))],
    ids=["ppo", "reinforce"],
)
def test_every_on_policy_builder_refuses_networks_that_are_not_repeatable(make, algo):
    env = Corridor()
    model = ImpalaConfig()  # only its name is used
    config = RunConfig(frames=32, env=GridworldConfig(num_envs=4), model=model, algo=algo)
    with pytest.raises(ConfigError, match=r"embedder\.3 \(Dropout\)"):
        make(
            config,
            env,
            network(nn.Dropout(0.1), env),
            rank=0,
            device=torch.device("cpu"),
            about={},
        )


def test_aup_refuses_networks_that_are_not_repeatable():
    from chisel.trainers.aup.build import build_aup

    def with_dropout(config, env, model, **rest):
        return build_aup(config, env, network(nn.Dropout(0.1), env), **rest)

    with pytest.raises(ConfigError, match=r"embedder\.3 \(Dropout\)"):
        make_aup(build=with_dropout)


def test_a_module_in_evaluation_mode_stays_in_it_through_training():
    module = module_of(nn.Dropout(0.9).eval())
    fit(module)
    assert not module.model.embedder[3].training
    assert module.metrics()["losses/clipfrac"] >= 0
