"""Run the network passes of one PPO iteration and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from chisel import models
from chisel.configs import RunConfig

SPACES = {
    "maze": models.Spaces((64, 64, 3), "uint8", 255.0, 15),
    "safelife": models.Spaces((25, 25, 1), "int16", 1023.0, 9, packed=10),
}
"""Observations and actions of the networks, by environment."""


def run(config: RunConfig, boundary: Callable[[], None]) -> None:
    """Do one forward pass per step, then every epoch's minibatches with their optimiser steps.

    Frames are random, with the environment's layout. The loop ends when `boundary` raises.
    """
    algo, num_envs, spaces = config.algo, config.env.num_envs, SPACES[config.env.name]
    model = models.build(config.model, spaces)
    if config.trainer.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch stubs
    optimizer = torch.optim.Adam(
        model.parameters(), lr=algo.learning_rate, eps=algo.adam_eps, fused=True
    )
    step = _frames(num_envs, spaces)
    minibatch = _frames(num_envs * algo.num_steps // algo.num_minibatches, spaces)
    while True:
        with torch.inference_mode(), _precision(config):
            for _ in range(algo.num_steps):
                model(step)
        for _ in range(algo.update_epochs * algo.num_minibatches):
            with _precision(config):
                logits, values = model(minibatch)
                loss = torch.log_softmax(logits.float(), -1)[:, 0].mean() + values.float().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        boundary()


def _frames(count: int, spaces: models.Spaces) -> torch.Tensor:
    shape, kind = (count, *spaces.obs_shape), getattr(torch, spaces.obs_dtype)
    return torch.randint(0, int(spaces.obs_high) + 1, shape, dtype=kind).permute(0, 3, 1, 2)


def _precision(config: RunConfig) -> AbstractContextManager[object]:
    if config.trainer.precision == "bf16-mixed":
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()
