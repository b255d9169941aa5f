"""The policy that collects rollouts while AUP learns its fitted auxiliary values."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.trainers.aup.bellman import TransitionGraph
from chisel.trainers.aup.replay import Replay

EXPLORING_COUNT = 1e-6
"""Count of a step of an exploring environment; a step of a random environment counts 1.

So exploring steps decide the weights only where no random environment has been.
"""
_DISCOUNT, _SWEEPS = 0.95, 100
_LOGIT = 6.0
"""Logit of the best actions. Other actions are taken now and then, so that no environment goes in
circles forever if observations hide part of the state."""


class ExplorationPolicy:
    """A policy for the auxiliary phase, in which rare transitions matter as much as frequent ones.

    Most environments act at random, which shows how often each observation follows. In short
    episodes random actions alone never reach large parts of a world. So the other environments take
    the shortest known way to an action that was never tried (as R-max does; Brafman and Tennenholtz
    2002, where one try makes an action known). On an observation never seen before, and if no
    untried action can be reached, they act at random too.

    Args:
        replay: The transitions so far.
        num_envs: Number of environments, N.
        exploring: Number of environments, at the end of the batch, that look for untried actions.
        num_actions: Number of actions, A.
    """

    def __init__(self, replay: Replay, *, num_envs: int, exploring: int, num_actions: int) -> None:
        self.replay, self.num_actions = replay, num_actions
        self.exploring = np.arange(num_envs) >= num_envs - exploring
        self._hashes: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._logits = torch.zeros(0, num_actions)

    def counts(self, steps: int) -> NDArray[np.float64]:
        """Return the counts `[steps * N]` of a rollout's steps for `Replay.add`."""
        return np.tile(np.where(self.exploring, EXPLORING_COUNT, 1.0), steps)

    def plan(self) -> None:
        """Compute the shortest ways to untried actions from all transitions in the replay."""
        if not self.exploring.any() or not len(self.replay):
            self._hashes = np.zeros(0, np.uint64)
            return
        self._hashes, graph = self.replay.graph()
        values = exploration_values(
            graph, len(self._hashes), self.num_actions, gamma=_DISCOUNT, sweeps=_SWEEPS
        )
        self._logits = _LOGIT * (values >= values.amax(1, keepdim=True)).float()

    def __call__(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits `[N, A]` for all environments, in their order, and values of 0."""
        logits = torch.zeros(len(obs), self.num_actions)
        if len(self._hashes):
            rows = np.flatnonzero(self.exploring)
            hashes = self.replay.observation_hash(obs[torch.from_numpy(rows).to(obs.device)])
            places = np.searchsorted(self._hashes, hashes).clip(max=len(self._hashes) - 1)
            seen = self._hashes[places] == hashes
            logits[torch.from_numpy(rows[seen])] = self._logits[torch.from_numpy(places[seen])]
        logits = logits.to(obs.device)
        return logits, torch.zeros_like(logits[:, 0])


def exploration_values(
    graph: TransitionGraph, observations: int, actions: int, *, gamma: float, sweeps: int
) -> Tensor:
    """Compute for each action `gamma` to the power of the steps to an untried action, `[M, A]`.

    An untried action itself has 1. If the next observation is random, the value is the mean. If no
    untried action can be reached, it is 0.

    Args:
        graph: The transitions so far.
        observations: Number of observations, M.
        actions: Number of actions, A.
        gamma: Base of the power, in (0, 1).
        sweeps: Largest number of steps to look ahead.
    """
    pair = graph.obs * actions + graph.action
    total = torch.zeros(observations * actions).index_add(0, pair, graph.weight)
    share = gamma * graph.weight / total[pair] * ~graph.terminated
    values = (total == 0).float().view(observations, actions)
    for _ in range(sweeps):
        ahead = share * values.amax(1)[graph.next_obs]
        updated = torch.zeros_like(total).index_add(0, pair, ahead).masked_fill(total == 0, 1.0)
        if torch.equal(updated, values.flatten()):
            break
        values = updated.view(observations, actions)
    return values
