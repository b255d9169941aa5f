"""The part of building that all on-policy algorithms share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from chisel import models
from chisel.configs import RunConfig
from chisel.envs import StatefulVectorEnv, is_device_env
from chisel.models import ActorCritic
from chisel.trainers.onpolicy.collector import Collector
from chisel.trainers.onpolicy.module import Algorithm, OnPolicy
from chisel.trainers.routed.labels import EpisodeLabeler
from chisel.trainers.routed.routes import Routes
from chisel.trainers.runs import seeding


def build_on_policy(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: nn.Module,
    algorithm: Algorithm,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> OnPolicy:
    """Build the module that trains a network with an on-policy algorithm.

    Args:
        config: The run's config.
        env: This process's environments.
        model: The network; hooks of routing are attached to it.
        algorithm: The algorithm.
        rank: Number of this process.
        device: Device that it trains on.
        about: Facts that identify the run, for checkpoints; `routing` has the regions of the
            checkpoint that a resumed run goes on from.

    Raises:
        ConfigError: If the network is not an `ActorCritic` or not repeatable, or regions, labels or
            gate don't fit it.
        EnvironmentFault: If the environment cannot be trained in.
    """
    model = models.require_kind(model, ActorCritic, config.model.name)
    routes = None
    if config.routing.labels.source is not None:
        labels = EpisodeLabeler(
            config.routing.labels,
            num_envs=env.num_envs,
            generator=np.random.default_rng(seeding.derive(config, "labels", rank)),
        )
        example = models.spaces_of(env).example()
        routes = Routes(model, config.routing, labels, about.get("routing"), example)
    collector = Collector(
        env,
        seed=seeding.derive(config, "env", rank),
        generator=seeding.generator(config, "actions", rank, device),
        labels=None if routes is None else routes.labels,
    )
    frames = algorithm.num_steps * config.env.num_envs
    return OnPolicy(
        model,
        collector,
        algorithm,
        num_iterations=max(1, config.frames // frames),
        total_envs=config.env.num_envs,
        minibatch_generator=seeding.generator(
            config, "minibatches", rank, device if is_device_env(env) else "cpu"
        ),
        channels_last=config.trainer.channels_last,
        about=about,
        routes=routes,
    )
