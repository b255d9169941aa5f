"""A PPO run on the corridor, small enough for hundreds of tests."""

from __future__ import annotations

import logging

import lightning as L
import numpy as np
import pytest
import torch

from chisel import models
from chisel.configs import (
    AupConfig,
    AuxiliaryConfig,
    ExpertsConfig,
    GridworldConfig,
    ImpalaConfig,
    LabelsConfig,
    PPOConfig,
    RoutingConfig,
    RunConfig,
)
from chisel.models import build, spaces_of, to_tensor
from chisel.trainers.aup.build import build_aup
from chisel.trainers.onpolicy.collector import Collector
from chisel.trainers.onpolicy.module import OnPolicy
from chisel.trainers.onpolicy.ppo import PPO
from chisel.trainers.routed.labels import EpisodeLabeler
from chisel.trainers.routed.routes import Routes
from chisel.trainers.runs.checkpoint import DurableCheckpointIO
from tests.trainers.worlds import Corridor

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


EXPERTS = RoutingConfig(
    regions={
        "cheese": [
            {"module": "embedder.experts.cheese"},
            {"module": "embedder.gate", "units": "0"},
        ],
        "corner": [
            {"module": "embedder.experts.corner"},
            {"module": "embedder.gate", "units": "1"},
        ],
    },
    rules={"cheese": {"corner": 0.0}, "corner": {"cheese": 0.0}},
    labels=LabelsConfig(source="maze-goal", share=0.7, precision=0.9, correlation=0.3),
    gate_coef=0.1,
    l1=1e-3,
)
"""An expert for each of two labels, with every extra loss."""


TINY = {"num_steps": 8, "num_minibatches": 2, "update_epochs": 2, "learning_rate": 3e-3}


def make_ppo(env=None, *, iterations=4, seed=0, routing=None, **algo):
    env = env or Corridor()
    config = PPOConfig(**(TINY | algo))
    sizes = {"channels": (4,), "hidden": 16}
    net = ImpalaConfig(**sizes)
    if routing is not None:
        net = ExpertsConfig(experts=("cheese", "corner"), gate_channels=(4,), **sizes)
    model = build(net, spaces_of(env), seed=seed)
    routes = None
    if routing is not None:
        draws = np.random.default_rng(seed)
        labels = EpisodeLabeler(routing.labels, num_envs=env.num_envs, generator=draws)
        routes = Routes(model, routing, labels, example=to_tensor(env.observe()[:1]))
    generator = torch.Generator().manual_seed(seed)
    labels = None if routes is None else routes.labels
    return OnPolicy(
        model,
        Collector(env, seed=seed, generator=generator, labels=labels),
        PPO(config, total_envs=env.num_envs),
        num_iterations=iterations,
        total_envs=env.num_envs,
        minibatch_generator=torch.Generator().manual_seed(seed + 1),
        channels_last=True,
        about={},
        routes=routes,
    )


def aup_config(*, iterations=4, seed=0, phase=2, aux=None, **algo):
    """A run of 4 environments whose auxiliary phase lasts `phase` iterations."""
    options = {"num": 3, "steps": 32 * phase, "updates": 2, "batch_size": 16, "replay": 50}
    return RunConfig(
        frames=32 * iterations,
        seed=seed,
        env=GridworldConfig(num_envs=4),
        model=ImpalaConfig(channels=(4,), hidden=16),
        algo=AupConfig(**(TINY | algo), aux=AuxiliaryConfig(**(options | (aux or {})))),
    )


def make_aup(env=None, *, build=build_aup, **options):
    env, config = env or Corridor(timeout=6, final_obs=True), aup_config(**options)
    model = models.build(config.model, spaces_of(env), seed=config.seed)
    return build(config, env, model, rank=0, device=torch.device("cpu"), about={})


def fit(module, *, callbacks=(), checkpoint=None, precision="32-true", epochs=None):
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=module.num_iterations if epochs is None else epochs,
        precision=precision,
        callbacks=list(callbacks),
        plugins=[DurableCheckpointIO()],
        logger=False,
        enable_checkpointing=any(isinstance(c, L.pytorch.callbacks.Checkpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, ckpt_path=checkpoint)
    return trainer


@pytest.fixture
def corridor():
    return Corridor()


def weights(module):
    return {name: value.clone() for name, value in module.model.state_dict().items()}


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
