"""Auxiliary rewards: other tasks that an agent might have, as functions of the observation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from chisel.trainers.aup.observation_hash import ObservationHash, joined


class RandomRewards:
    """Independent rewards, uniform on [0, 1), of reaching each different observation (1902.09725).

    They are not drawn when an observation is first seen, but are a keyed hash of it. So they don't
    depend on the order of observations, and their whole state is the key.

    Args:
        num: K.
        observation_hash: Hashes observations.
    """

    low, high = 0.0, 1.0
    """Bounds of all rewards; 0, the value of everything after an episode's end, lies within."""

    def __init__(self, num: int, observation_hash: ObservationHash) -> None:
        self.num, self._hash = num, observation_hash

    def __call__(self, obs: Tensor) -> Tensor:
        """Compute rewards, float32 `[B, K]`; `obs` `[B, ...]` have the environment's layout."""
        numbers = np.arange(self.num, dtype=np.uint64)
        words = joined(self._hash(obs)[:, None], numbers)
        uniform = (words >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
        return torch.from_numpy(uniform).to(obs.device)

    def get_state(self) -> dict[str, Any]:
        """Return the key."""
        return {"key": self._hash.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over the key from `get_state`."""
        self._hash.set_state(state["key"])
