"""Build deep AUP and its placebos."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from chisel import envs, models
from chisel.configs import ConfigError, DeepAupConfig, RunConfig, deep_aup_iterations
from chisel.envs import StatefulVectorEnv
from chisel.models import ActorCritic, FrameVae
from chisel.trainers.aup.build import noop_of
from chisel.trainers.aup.deep.double_dqn import DoubleDqn, QNetworks
from chisel.trainers.aup.deep.frame_rewards import FrameRewards
from chisel.trainers.aup.deep.gate import Gate
from chisel.trainers.aup.deep.placebos import ConstantCost, FixedValues, ShuffledValues
from chisel.trainers.aup.deep.released import ReleasedCritic
from chisel.trainers.aup.deep.values import Critic, DeepAuxiliary
from chisel.trainers.aup.module import Aup, AuxiliaryValues
from chisel.trainers.aup.penalty_mean import PenaltyMean, recorded_mean
from chisel.trainers.onpolicy.build import build_on_policy
from chisel.trainers.onpolicy.module import OnPolicy
from chisel.trainers.onpolicy.ppo import PPO
from chisel.trainers.runs import seeding


def build_deep_aup(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: nn.Module,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> OnPolicy:
    """Build the trainer of `algo.name: deep-aup`; arguments as for `build_on_policy`.

    Raises:
        ConfigError: As for `make_deep_aup` and `build_on_policy`.
    """
    algorithm = make_deep_aup(config, env, device=device)
    return build_on_policy(config, env, model, algorithm, rank=rank, device=device, about=about)


def make_deep_aup(config: RunConfig, env: StatefulVectorEnv, *, device: torch.device) -> Aup:
    """Build the algorithm; its auxiliary networks have the architecture of the agent's.

    Args:
        config: The run's config.
        env: The environments.
        device: Device of the auxiliary networks.

    Raises:
        ConfigError: If the environment has no view of its whole world or doesn't say which action
            does nothing, if the run of `algo.penalty_like` has no penalty, or if the network does
            not fit `algo.faithful`.
    """
    options: DeepAupConfig = config.algo
    noop, frames = noop_of(config, env), options.num_steps * config.env.num_envs
    if getattr(env, "whole_view", None) is None:
        raise ConfigError(
            f"algo.name = deep-aup: env.name={config.env.name} offers no view of its whole world "
            "(a method `whole_view`); choose another environment, or algo.name=aup"
        )
    return Aup(
        options,
        PPO(options, total_envs=config.env.num_envs),
        _Parts(config, env, device).auxiliary(noop, frames),
        noop=noop,
        frames_per_iteration=frames,
        num_iterations=max(1, config.frames // frames),
        auxiliary_iterations=deep_aup_iterations(options, frames),
        needs_whole_view=True,
        scaling=_scaling(options),
    )


def _scaling(options: DeepAupConfig) -> PenaltyMean | None:
    target = options.penalty_mean
    if options.penalty_like is not None:
        target = recorded_mean(options.penalty_like)
    return None if target is None else PenaltyMean(target)


class _Parts:
    """Makes the parts of the auxiliary values, each with its own random draws."""

    def __init__(self, config: RunConfig, env: StatefulVectorEnv, device: torch.device) -> None:
        self.config, self.env, self.device = config, env, device
        self.options: DeepAupConfig = config.algo
        self.spaces = models.spaces_of(env)
        self._seeds = np.random.SeedSequence(seeding.derive(config, "auxiliary"))

    def _seed(self) -> int:
        return int(self._seeds.spawn(1)[0].generate_state(1)[0] >> 1)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed())

    def auxiliary(self, noop: int, frames: int) -> AuxiliaryValues:
        """Make the auxiliary values of a run.

        Args:
            noop: The action that does nothing.
            frames: Environment steps per iteration.
        """
        placebo, num_actions = self.options.placebo, self.spaces.num_actions
        if placebo == "constant":
            return FixedValues(ConstantCost(num_actions, noop), num_actions, self.device)
        critic = self._critic()
        if placebo == "frozen":
            assert isinstance(critic, DoubleDqn)
            return FixedValues(critic.networks, num_actions, self.device)
        learnt = DeepAuxiliary(
            self._rewards(),
            critic,
            self._gate(noop),
            iterations=-(-self.options.aux.steps // frames),
            num_actions=num_actions,
        )
        return ShuffledValues(learnt, self._generator()) if placebo == "shuffled" else learnt

    def _critic(self) -> Critic:
        """Make the critic. It comes first, so that placebos have the same initial weights."""
        aux = self.options.aux
        networks: list[ActorCritic] = [
            models.build(self.config.model, self.spaces, seed=self._seed()) for _ in range(aux.num)
        ]
        if self.options.faithful:
            if networks[0].critic is not None:
                raise ConfigError(
                    f"algo.faithful = true: model.name={self.config.model.name} has a separate "
                    "value network, but the released value head reads the policy's features; set "
                    "model.name=cnn, or algo.faithful=false"
                )
            return ReleasedCritic(
                networks[0], self.options, generator=self._generator(), device=self.device
            )
        return DoubleDqn(
            QNetworks(networks, aux.gamma),
            aux,
            num_envs=self.env.num_envs,
            generator=self._generator(),
            device=self.device,
        )

    def _rewards(self) -> FrameRewards:
        aux, generator = self.options.aux, self._generator()
        env: Any = self.env
        env.reset(seed=0)  # the collector resets it again
        height, width = env.whole_view().shape[1:]
        pixels = height * width
        encoder = None
        if aux.reward == "cb-vae":
            encoder = FrameVae(pixels, aux.latent, generator)
            shape = (aux.latent, aux.num)
            single = aux.latent == 1
            weights = torch.ones(shape) if single else torch.rand(shape, generator=generator)
        else:
            weights = torch.randn(pixels, aux.num, generator=generator)
        return FrameRewards(
            encoder,
            weights,
            shape=(height, width),
            options=aux,
            faithful=self.options.faithful,
            generator=generator,
            device=self.device,
        )

    def _gate(self, noop: int) -> Gate:
        aux, num_envs = self.options.aux, self.env.num_envs
        return Gate(
            self.env,
            partial(envs.make, self.config.env, seed=0, num_envs=num_envs),
            noop=noop,
            gamma=aux.gamma,
            least=aux.gate,
            fails=aux.gate_fails,
            device=self.device,
        )
