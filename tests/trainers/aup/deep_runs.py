"""Tiny runs of deep AUP: in SafeLife, and in a corridor that shows itself whole."""

from __future__ import annotations

import numpy as np
import torch

from chisel import envs, models
from chisel.configs import (
    CnnConfig,
    DeepAupConfig,
    DeepAuxiliaryConfig,
    GridMlpConfig,
    PPOConfig,
    RampConfig,
    RunConfig,
    SafeLifeConfig,
)
from chisel.trainers.aup.deep.build import build_deep_aup
from chisel.trainers.aup.deep.double_dqn import DoubleDqn, QNetworks
from chisel.trainers.onpolicy.collector import Collector
from chisel.trainers.onpolicy.ppo import build_ppo
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from tests.trainers.worlds import Corridor

CPU = torch.device("cpu")
SHORT = {"num_steps": 4, "num_minibatches": 2, "update_epochs": 2, "norm_reward": False}
PHASES = {"frames": 32, "epochs": 2, "steps": 32}
"""Two iterations each of 16 environment steps."""


class Shown(Corridor):
    """A corridor that offers a view of itself: a bright pixel where the agent is."""

    def whole_view(self):
        view = np.zeros((self.num_envs, 1, self.length), np.uint8)
        view[np.arange(self.num_envs), 0, self.where] = 255
        return view


def aux_options(**options):
    small = {"replay": 64, "updates": 2, "batch_size": 8, "target_every": 3, "gate": -1.0}
    return DeepAuxiliaryConfig(**(PHASES | small | options))


def deep_config(*, iterations=8, seed=0, aux=None, **algo):
    """A run of 4 boards with two iterations in each phase before the agent's."""
    return RunConfig(
        frames=16 * iterations,
        seed=seed,
        env=SafeLifeConfig(
            num_envs=4, num_levels=2, time_limit=7, min_performance=RampConfig(-1, -1)
        ),
        model=CnnConfig(channels=(2, 3, 3), hidden=8),
        algo=DeepAupConfig(**(SHORT | algo), aux=aux_options(**(aux or {}))),
    )


def make_deep(*, build=build_deep_aup, config=None, **options):
    config = config or deep_config(**options)
    if build is build_ppo:
        config = RunConfig(
            frames=config.frames, env=config.env, model=config.model, algo=PPOConfig(**SHORT)
        )
    env = envs.make(config.env, seed=0)
    model = models.build(config.model, models.spaces_of(env), seed=config.seed)
    return build(config, env, model, rank=0, device=CPU, about={})


def corridor_critic(rewards=1, seed=0, num_envs=4, **options):
    """Double DQN with a small network, for the corridor."""
    spaces = models.spaces_of(Shown(num_envs))
    networks = [
        models.build(GridMlpConfig(hidden=32), spaces, seed=seed + one) for one in range(rewards)
    ]
    aux = aux_options(**({"gamma": 0.6, "learning_rate": 3e-3} | options))
    return DoubleDqn(
        QNetworks(networks, aux.gamma),
        aux,
        num_envs=num_envs,
        generator=torch.Generator().manual_seed(seed),
        device=CPU,
    )


def rollout_of(env, policy, steps=8, seed=0):
    """A rollout with whole views, and the collector that goes on from it."""
    collector = Collector(env, seed=seed, generator=torch.Generator().manual_seed(seed))
    buffer = RolloutBuffer(
        steps,
        env.num_envs,
        env.single_observation_space.shape,
        torch.uint8,
        CPU,
        keep_next_obs=True,
        whole_shape=env.whole_view().shape[1:],
    )
    collector.collect(policy, buffer)
    return buffer, collector


def place(views):
    """The reward of each place of the corridor: 1, 0, 0, 3, 0 of five."""
    pays = torch.tensor([1.0, 0.0, 0.0, 3.0, 0.0])
    return (views.float().flatten(1) / 255) @ pays[:, None]
