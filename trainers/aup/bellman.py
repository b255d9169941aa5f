"""Targets of Q-learning that look as far ahead as the transitions at hand are linked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Graph:
    """Transitions `[R]` between observations, which are numbered 0 to M - 1."""

    source: Tensor
    """int `[R]`."""
    action: Tensor
    """int `[R]`."""
    arrival: Tensor
    """int `[R]`."""
    ends: Tensor
    """bool `[R]`, whether the episode is over there."""
    weight: Tensor
    """`[R]`, above 0: how often it follows its source and action, compared with others that do."""


@dataclass(frozen=True)
class Backup:
    """What observations, numbered as in the graph, are worth as far as is known."""

    values: Tensor
    """`(1 - γ) Q` `[M, A, K]`; 0 where an action was not tried."""
    tried: Tensor
    """bool `[M, A]`."""


def bellman_targets(
    graph: Graph, rewards: Tensor, guesses: Tensor, *, gamma: float, sweeps: int
) -> Backup:
    """Targets of `(1 - γ) Q`: value iteration on the transitions, begun with guesses.

    One sweep gives the usual targets: the reward, and what the best action on arrival is guessed to
    be worth. In further sweeps, that is the best of the actions tried there and their targets, as
    long as there are any. So at most γ^sweeps of the guesses' errors is left where observations
    come back. Q-learning at a γ near 1 would multiply them by 1 / (1 - γ): a maximum of noisy
    guesses is too large, and is passed on.

    Args:
        graph: the transitions.
        rewards: `[R, K]`, paid on arrival.
        guesses: `[M, A, K]`, of the network.
        gamma: discount in [0, 1).
        sweeps: at least 1.
    """
    observations, actions, _ = guesses.shape
    pair = graph.source * actions + graph.action
    total = torch.zeros(observations * actions, device=pair.device).index_add(0, pair, graph.weight)
    tried = (total > 0).view(observations, actions)
    share = (graph.weight / total[pair]).unsqueeze(1)
    paid = (1 - gamma) * rewards
    passed_on = gamma * (~graph.ends).to(paid.dtype).unsqueeze(1)
    unknown = torch.where(tried, 0.0, -torch.inf).unsqueeze(2)
    known = tried.any(1, keepdim=True)
    guessed = guesses.amax(1)
    best = guessed
    for _ in range(sweeps):
        targets = share * (paid + passed_on * best[graph.arrival])
        values = torch.zeros_like(guesses).flatten(0, 1).index_add(0, pair, targets)
        values = values.view_as(guesses)
        best = torch.where(known, (values + unknown).amax(1), guessed)
    return Backup(values, tried)
