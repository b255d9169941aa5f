"""Advantages and value targets of a rollout."""

from __future__ import annotations

import torch
from torch import Tensor


def gae(
    rewards: Tensor,
    values: Tensor,
    dones: Tensor,
    last_values: Tensor,
    bootstrap: Tensor,
    *,
    gamma: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Estimate generalised advantages over a rollout with automatic resets.

    After a step that ended an episode the next row belongs to another episode, so its value is
    never used. `bootstrap` holds the value of a truncated episode's last observation; it is 0 where
    the episode truly ended, or the last observation is unknown.

    Args:
        rewards: `[T, N]`.
        values: `[T, N]`, V(s_t).
        dones: bool `[T, N]`, whether the episode ended in step t.
        last_values: `[N]`, V of the observation after the last step.
        bootstrap: `[T, N]`, V of the last observation of an episode truncated in step t, else 0.
        gamma: Discount in [0, 1].
        gae_lambda: λ in [0, 1].

    Returns:
        Advantages and returns (advantages + values), both `[T, N]`.

    Source: Schulman et al. 2016, "High-Dimensional Continuous Control Using GAE", eq. 16.
    """
    alive = (~dones).to(values.dtype)
    next_values = torch.cat([values[1:], last_values.unsqueeze(0)])
    deltas = rewards + gamma * (alive * next_values + bootstrap) - values
    decay = gamma * gae_lambda * alive
    advantages = torch.empty_like(values)
    running = torch.zeros_like(last_values)
    for t in range(len(rewards) - 1, -1, -1):
        running = deltas[t] + decay[t] * running
        advantages[t] = running
    return advantages, advantages + values
