"""Who acts while auxiliary values are learnt: some walk at random, some seek what is unknown."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.trainers.aup.bellman import Graph
from chisel.trainers.aup.replay import Replay

EXPLORING_COUNT = 1e-6
"""A step of a seeker, in steps of a walker: it decides where no walker has been, nowhere else."""
_DISCOUNT, _SWEEPS = 0.95, 100
_FIRM = 6.0
"""Logit of the actions that lead on; now and then another one is taken, so that none goes round in
circles for ever where observations hide what decides."""


class ExplorationPolicy:
    """A policy for the auxiliary phase, in which rare transitions are worth as much as others.

    Most copies of the environment walk at random, and say how often what follows. A random walk
    alone leaves whole regions out where episodes are short. So the other copies take the shortest
    known way to an action that nobody has tried yet (as R-max does; Brafman and Tennenholtz 2002,
    with each action known once it was tried). On an observation never seen before, and where
    nothing is left to try, they walk at random, too.

    Args:
        replay: where transitions are kept.
        num_envs: copies of the environment.
        exploring: how many of these, the last ones, seek.
        num_actions: A.
    """

    def __init__(self, replay: Replay, *, num_envs: int, exploring: int, num_actions: int) -> None:
        self.replay, self.num_actions = replay, num_actions
        self.seeks = np.arange(num_envs) >= num_envs - exploring
        self._prints: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._logits = torch.zeros(0, num_actions)

    def counts(self, steps: int) -> NDArray[np.float64]:
        """What the steps of a rollout count, `[steps * N]`; see `Replay.add`."""
        return np.tile(np.where(self.seeks, EXPLORING_COUNT, 1.0), steps)

    def plan(self) -> None:
        """Look at all that is in the replay."""
        if not self.seeks.any() or not len(self.replay):
            self._prints = np.zeros(0, np.uint64)
            return
        self._prints, graph = self.replay.graph()
        worth = unknown_ahead(
            graph, len(self._prints), self.num_actions, gamma=_DISCOUNT, sweeps=_SWEEPS
        )
        self._logits = _FIRM * (worth >= worth.amax(1, keepdim=True)).float()

    def __call__(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[N, A]` of all copies, in their order, and values, which are 0."""
        logits = torch.zeros(len(obs), self.num_actions)
        if len(self._prints):
            rows = np.flatnonzero(self.seeks)
            prints = self.replay.fingerprints(obs[torch.from_numpy(rows).to(obs.device)])
            places = np.searchsorted(self._prints, prints).clip(max=len(self._prints) - 1)
            seen = self._prints[places] == prints
            logits[torch.from_numpy(rows[seen])] = self._logits[torch.from_numpy(places[seen])]
        logits = logits.to(obs.device)
        return logits, torch.zeros_like(logits[:, 0])


def unknown_ahead(
    graph: Graph, observations: int, actions: int, *, gamma: float, sweeps: int
) -> Tensor:
    """How near an action never tried is, after each: `gamma` to the steps until then, `[M, A]`.

    Where chance decides it is the mean; where nothing unknown can be reached, 0.

    Args:
        graph: the transitions so far.
        observations: M.
        actions: A.
        gamma: in (0, 1).
        sweeps: how many steps to look ahead at most.
    """
    pair = graph.source * actions + graph.action
    total = torch.zeros(observations * actions).index_add(0, pair, graph.weight)
    share = gamma * graph.weight / total[pair] * ~graph.ends
    worth = (total == 0).float().view(observations, actions)
    for _ in range(sweeps):
        ahead = share * worth.amax(1)[graph.arrival]
        nearer = torch.zeros_like(total).index_add(0, pair, ahead).masked_fill(total == 0, 1.0)
        if torch.equal(nearer, worth.flatten()):
            break
        worth = nearer.view(observations, actions)
    return worth
