"""A PPO run on the corridor, small enough for hundreds of tests."""

from __future__ import annotations

import logging

import lightning as L
import pytest
import torch

from configs import ImpalaConfig, PPOConfig
from models import build, spaces_of
from tests.trainers.worlds import Corridor
from trainers.checkpoint import DurableCheckpointIO
from trainers.collector import Collector
from trainers.ppo import PPO

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def make_ppo(env=None, *, iterations=4, seed=0, **algo):
    env = env or Corridor()
    options = {"num_steps": 8, "num_minibatches": 2, "update_epochs": 2, "learning_rate": 3e-3}
    config = PPOConfig(**(options | algo))
    model = build(ImpalaConfig(channels=(4,), hidden=16), spaces_of(env), seed=seed)
    return PPO(
        model,
        Collector(env, seed=seed, generator=torch.Generator().manual_seed(seed)),
        config,
        num_iterations=iterations,
        total_envs=env.num_envs,
        minibatch_generator=torch.Generator().manual_seed(seed + 1),
        channels_last=True,
        about={},
    )


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
