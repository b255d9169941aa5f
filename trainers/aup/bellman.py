"""Compute targets of Q-learning by value iteration on known transitions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TransitionGraph:
    """R transitions between observations, which are numbered 0 to M - 1."""

    obs: Tensor
    """Number of the observation before each action, int `[R]`."""
    action: Tensor
    """Number of the action, int `[R]`."""
    next_obs: Tensor
    """Number of the observation after the action, int `[R]`."""
    terminated: Tensor
    """Whether the episode ended with the action (and was not truncated), bool `[R]`."""
    weight: Tensor
    """Frequency of `next_obs` relative to others after the same action, above 0, `[R]`."""


@dataclass(frozen=True)
class BellmanTargets:
    """Targets for the observations of a graph, in the graph's numbering."""

    values: Tensor
    """Targets of `(1 - γ) Q`, `[M, A, K]`; 0 for actions that were not tried."""
    tried: Tensor
    """Whether each action was tried, bool `[M, A]`."""


def bellman_targets(
    graph: TransitionGraph, rewards: Tensor, estimates: Tensor, *, gamma: float, sweeps: int
) -> BellmanTargets:
    """Compute targets of `(1 - γ) Q` by value iteration that starts from estimates.

    One sweep gives the usual targets of Q-learning: the reward, plus the discounted estimate of the
    best action on the next observation. Further sweeps replace that estimate by the best target of
    the actions tried there, if any was. So at most γ^sweeps of an estimate's error remains where
    observations recur. Plain Q-learning with γ near 1 would multiply errors by 1 / (1 - γ), because
    the maximum of noisy estimates is too large.

    Args:
        graph: The transitions.
        rewards: Rewards of `next_obs`, `[R, K]`.
        estimates: The network's estimates of `(1 - γ) Q`, `[M, A, K]`.
        gamma: Discount in [0, 1).
        sweeps: Number of sweeps, at least 1.
    """
    observations, actions, _ = estimates.shape
    pair = graph.obs * actions + graph.action
    total = torch.zeros(observations * actions, device=pair.device).index_add(0, pair, graph.weight)
    tried = (total > 0).view(observations, actions)
    share = (graph.weight / total[pair]).unsqueeze(1)
    immediate = (1 - gamma) * rewards
    discount = gamma * (~graph.terminated).to(immediate.dtype).unsqueeze(1)
    untried = torch.where(tried, 0.0, -torch.inf).unsqueeze(2)
    any_tried = tried.any(1, keepdim=True)
    best_estimate = estimates.amax(1)
    best = best_estimate
    for _ in range(sweeps):
        targets = share * (immediate + discount * best[graph.next_obs])
        values = torch.zeros_like(estimates).flatten(0, 1).index_add(0, pair, targets)
        values = values.view_as(estimates)
        best = torch.where(any_tried, (values + untried).amax(1), best_estimate)
    return BellmanTargets(values, tried)
