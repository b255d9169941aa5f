"""Keyed hashes of observations, which find equal observations."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class ObservationHash:
    """A hash of observations: a random linear form of the bytes modulo 2^64, mixed by SplitMix64.

    Two different observations have the same form with probability about 2^-57 (Dietzfelbinger
    1996). The mixing (Steele et al. 2014) makes each bit of the hash depend on all of its bits.

    Args:
        obs_bytes: Number of bytes of an observation, D.
        generator: Source of the random key.
    """

    def __init__(self, obs_bytes: int, generator: np.random.Generator) -> None:
        self.key = generator.integers(0, 2**64, 1 + obs_bytes, dtype=np.uint64)

    def __call__(self, obs: Tensor) -> NDArray[np.uint64]:
        """Return the hashes, uint64 `[B]`, of observations `[B, ...]` of any type."""
        rows = np.ascontiguousarray(obs.cpu().numpy()).reshape(len(obs), -1).view(np.uint8)
        # Unsigned integers wrap around, which computes modulo 2^64.
        return mixed(self.key[0] + rows.astype(np.uint64) @ self.key[1:])

    def get_state(self) -> Tensor:
        """Return the key as int64 `[1 + D]`."""
        return torch.from_numpy(self.key.view(np.int64).copy())

    def set_state(self, state: Tensor) -> None:
        """Use the key from `get_state`."""
        self.key = state.cpu().numpy().view(np.uint64).copy()


def joined(words: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash pairs of numbers, in this order, into one number each; the arrays broadcast."""
    return mixed(words + _GOLDEN * (others + np.uint64(1)))


def mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Apply SplitMix64's mixing, a bijection of 64-bit numbers."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(words ^ (words >> np.uint64(31)))
