"""Auxiliary rewards: what else an agent might be asked for, as functions of what is seen."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class AuxiliaryRewards(Protocol):
    """K fixed functions of an observation, which are paid on arrival there."""

    num: int
    """K."""

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

    They are not drawn when an observation is first met, but are a keyed hash of its bytes: a random
    linear form modulo 2^64, which tells any two observations apart but for a chance of about 2^-57,
    and then the mixing of SplitMix64 (Steele et al. 2014). So they don't depend on who has seen
    what, and all there is to save is the key.

    Args:
        num: K.
        obs_bytes: bytes of one observation.
        generator: draws the key.
    """

    def __init__(self, num: int, obs_bytes: int, generator: np.random.Generator) -> None:
        self.num = num
        self._key = generator.integers(0, 2**64, 1 + obs_bytes, dtype=np.uint64)

    def __call__(self, obs: Tensor) -> Tensor:
        """See `AuxiliaryRewards`."""
        rows = np.ascontiguousarray(obs.cpu().numpy()).reshape(len(obs), -1).view(np.uint8)
        # Arrays of unsigned integers wrap around, which is the modulo.
        form = self._key[0] + rows.astype(np.uint64) @ self._key[1:]
        numbers = _GOLDEN * np.arange(1, self.num + 1, dtype=np.uint64)
        mixed = _mixed(_mixed(form)[:, None] + numbers)
        uniform = (mixed >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
        return torch.from_numpy(uniform).to(obs.device)

    def get_state(self) -> dict[str, Any]:
        """The key."""
        return {"key": torch.from_numpy(self._key.view(np.int64).copy())}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over the key."""
        self._key = state["key"].cpu().numpy().view(np.uint64).copy()


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's bijection, after which each bit depends on all."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(words ^ (words >> np.uint64(31)))
