"""Auxiliary rewards of AUP in gridworlds, as functions of the observation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from chisel.trainers.aup.observation_hash import ObservationHash, joined


class RandomRewards:
    """Independent rewards, uniform on [0, 1), for each different observation (arXiv 1902.09725).

    A reward is a keyed hash of the observation. So it does not depend on the order in which
    observations are seen, and the key is the whole state.

    Args:
        num: Number of rewards, K.
        observation_hash: Hash of observations.
    """

    low, high = 0.0, 1.0
    """Bounds of all rewards; they include 0, the value after an episode's end."""

    def __init__(self, num: int, observation_hash: ObservationHash) -> None:
        self.num, self._hash = num, observation_hash

    def __call__(self, obs: Tensor) -> Tensor:
        """Compute rewards `[B, K]`, float32; `obs` `[B, ...]` have the environment's layout."""
        numbers = np.arange(self.num, dtype=np.uint64)
        words = joined(self._hash(obs)[:, None], numbers)
        uniform = (words >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
        return torch.from_numpy(uniform).to(obs.device)

    def get_state(self) -> dict[str, Any]:
        """Return the key."""
        return {"key": self._hash.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Use the key from `get_state`."""
        self._hash.set_state(state["key"])
