"""Targets of Q-learning by value iteration on the transitions at hand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TransitionGraph:
    """Transitions `[R]` between observations, which are numbered 0 to M - 1."""

    obs: Tensor
    """int `[R]`, number of the observation that was acted on."""
    action: Tensor
    """int `[R]`."""
    next_obs: Tensor
    """int `[R]`, number of the observation after the action."""
    terminated: Tensor
    """bool `[R]`, whether the episode truly ended there."""
    weight: Tensor
    """`[R]`, above 0: how often `next_obs` follows, relative to others after the same action."""


@dataclass(frozen=True)
class BellmanTargets:
    """Targets for the observations of a graph, in its numbering."""

    values: Tensor
    """`(1 - γ) Q` `[M, A, K]`; 0 where an action was not tried."""
    tried: Tensor
    """bool `[M, A]`."""


def bellman_targets(
    graph: TransitionGraph, rewards: Tensor, estimates: Tensor, *, gamma: float, sweeps: int
) -> BellmanTargets:
    """Compute targets of `(1 - γ) Q`: value iteration on the transitions, begun with estimates.

    One sweep gives the usual targets of Q-learning: the reward, plus the estimate of the best
    action on the next observation. Further sweeps replace that estimate by the best target among
    the actions tried there, where any was tried. So at most γ^sweeps of the estimates' errors is
    left where observations come back. Plain Q-learning at a γ near 1 would multiply the errors by
    1 / (1 - γ), because the maximum of noisy estimates is too large.

    Args:
        graph: The transitions.
        rewards: `[R, K]`, of `next_obs`.
        estimates: `[M, A, K]`, of the network.
        gamma: Discount in [0, 1).
        sweeps: At least 1.
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
