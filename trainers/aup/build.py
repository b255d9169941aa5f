"""Build AUP in gridworlds: PPO with a penalty from fitted auxiliary values."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from torch import nn

from chisel import models
from chisel.configs import AupConfig, ConfigError, RunConfig
from chisel.envs import StatefulVectorEnv
from chisel.trainers.aup.exploration import ExplorationPolicy
from chisel.trainers.aup.fitted_values import FittedValues
from chisel.trainers.aup.module import Aup
from chisel.trainers.aup.observation_hash import ObservationHash
from chisel.trainers.aup.replay import Replay
from chisel.trainers.aup.rewards import RandomRewards
from chisel.trainers.onpolicy.build import build_on_policy
from chisel.trainers.onpolicy.module import OnPolicy
from chisel.trainers.onpolicy.ppo import PPO
from chisel.trainers.runs import seeding


def build_aup(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: nn.Module,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> OnPolicy:
    """Build the trainer of `algo.name: aup`; arguments as for `build_on_policy`.

    Raises:
        ConfigError: As for `make_aup` and `build_on_policy`.
    """
    algorithm = make_aup(config, env, device=device)
    return build_on_policy(config, env, model, algorithm, rank=rank, device=device, about=about)


def make_aup(config: RunConfig, env: StatefulVectorEnv, *, device: torch.device) -> Aup:
    """Build the algorithm; its auxiliary network has the architecture of the agent's.

    Args:
        config: The run's config.
        env: The environments.
        device: Device of the auxiliary network.

    Raises:
        ConfigError: If the environment doesn't say which action does nothing, or shows tokens.
    """
    noop = noop_of(config, env)
    options: AupConfig = config.algo
    aux, spaces = options.aux, models.spaces_of(env)
    seed = seeding.derive(config, "auxiliary")
    draws = np.random.default_rng(seed)
    if spaces.vocabulary is not None:
        raise ConfigError(
            "algo.name = aup: its auxiliary values read images or vectors; "
            f"env.name={config.env.name} has tokens"
        )
    obs_bytes = math.prod(spaces.obs_shape) * np.dtype(spaces.obs_dtype).itemsize
    inputs = dataclasses.replace(spaces, obs_dtype="float32", obs_high=1.0)
    outputs = dataclasses.replace(inputs, num_actions=aux.num * spaces.num_actions)
    net = config.model
    if aux.hidden is not None:
        net = dataclasses.replace(net, hidden=aux.hidden)
    rewards = RandomRewards(aux.num, ObservationHash(obs_bytes, draws))
    exploration = ExplorationPolicy(
        Replay(aux.replay, ObservationHash(obs_bytes, draws), device),
        num_envs=config.env.num_envs,
        exploring=round(aux.exploring * config.env.num_envs),
        num_actions=spaces.num_actions,
    )
    auxiliary = FittedValues(
        models.build(net, outputs, seed=seed),
        rewards,
        aux,
        exploration,
        generator=torch.Generator().manual_seed(seed),
        obs_shape=spaces.obs_shape,
        device=device,
    )
    frames = options.num_steps * config.env.num_envs
    return Aup(
        options,
        PPO(options, total_envs=config.env.num_envs),
        auxiliary,
        noop=noop,
        frames_per_iteration=frames,
        num_iterations=max(1, config.frames // frames),
        auxiliary_iterations=-(-aux.steps // frames),
        learn_on=aux.learn_on,
    )


def noop_of(config: RunConfig, env: StatefulVectorEnv) -> int:
    """Return the number of the action that does nothing.

    Raises:
        ConfigError: If the environment doesn't say which action that is.
    """
    noop = getattr(env, "noop", None)
    if noop is None:
        raise ConfigError(
            f"algo.name = {config.algo.name}: env.name={config.env.name} doesn't say which action "
            "does nothing (an attribute `noop`); choose another environment, or algo.name=ppo"
        )
    return int(noop)
