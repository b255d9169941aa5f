"""Auxiliary rewards: what else an agent might be asked for, as functions of what is seen."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from chisel.trainers.aup.observation_hash import ObservationHash, joined


class AuxiliaryRewards(Protocol):
    """K fixed functions of an observation, which are paid on arrival there."""

    num: int
    """K."""
    low: float
    """No reward is below it, nor is it above 0, which is what comes after an end."""
    high: float
    """No reward is above it, nor is it below 0."""

    def __call__(self, obs: Tensor) -> Tensor:
        """Rewards float32 `[B, K]` of observations `[B, ...]` in the environment's layout."""
        ...

    def get_state(self) -> dict[str, Any]:
        """What the functions are, in tensors and plain values."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Become the functions of `get_state`."""
        ...


class RewardPerView:
    """Independent rewards, uniform on [0, 1), for each different observation (1902.09725).

    They are not drawn when an observation is first met, but are a keyed hash of it. So they don't
    depend on who has seen what, and all there is to save is the key.

    Args:
        num: K.
        fingerprints: tell observations apart.
    """

    low, high = 0.0, 1.0

    def __init__(self, num: int, fingerprints: ObservationHash) -> None:
        self.num, self._fingerprints = num, fingerprints

    def __call__(self, obs: Tensor) -> Tensor:
        """See `AuxiliaryRewards`."""
        numbers = np.arange(self.num, dtype=np.uint64)
        words = joined(self._fingerprints(obs)[:, None], numbers)
        uniform = (words >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
        return torch.from_numpy(uniform).to(obs.device)

    def get_state(self) -> dict[str, Any]:
        """The key."""
        return {"key": self._fingerprints.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over the key."""
        self._fingerprints.set_state(state["key"])
