"""Compute advantages and value targets of a rollout."""

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
    never used. The method is that of Schulman et al. 2016, "High-Dimensional Continuous Control
    Using GAE", equation 16.

    Args:
        rewards: Rewards, `[T, N]`.
        values: Values V(s_t), `[T, N]`.
        dones: Whether an episode ended in step t, bool `[T, N]`.
        last_values: Values of the observations after the last step, `[N]`.
        bootstrap: Value of the last observation of an episode that was truncated in step t,
            `[T, N]`; 0 if none was, or if that observation is unknown.
        gamma: Discount in [0, 1].
        gae_lambda: λ in [0, 1].

    Returns:
        Advantages and returns (advantages + values), both `[T, N]`.
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
