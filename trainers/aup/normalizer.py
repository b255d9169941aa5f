"""Normalise observations to mean 0 and standard deviation 1 at each place."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 0.05
"""Number added to standard deviations, so that places that hardly change are not magnified."""


class ObservationNormalizer:
    """Subtracts the mean of each place of an observation and divides by its standard deviation.

    Most places of a board look the same most of the time, so raw boards are nearly parallel
    vectors, and a network learns what they have in common long before their differences.

    Args:
        shape: Shape of one observation.
        device: Device of the moments.
    """

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        self.count = 0
        self.mean = torch.zeros(shape, device=device)
        self.square = torch.ones(shape, device=device)

    def update(self, obs: Tensor) -> None:
        """Update the moments with observations `[B, ...]`; every call has the same weight."""
        found = obs.float()
        self.count += 1
        self.mean += (found.mean(0) - self.mean) / self.count
        self.square += (found.square().mean(0) - self.square) / self.count

    def __call__(self, obs: Tensor) -> Tensor:
        """Return normalised observations `[B, ...]`, float32."""
        std = (self.square - self.mean.square()).clamp_min(0).sqrt()
        return (obs.float() - self.mean) / (std + FLOOR)

    def get_state(self) -> dict[str, Tensor | int]:
        """Return the moments."""
        return {"count": self.count, "mean": self.mean.clone(), "square": self.square.clone()}

    def set_state(self, state: dict[str, Tensor | int]) -> None:
        """Go on from `get_state`."""
        self.count = int(state["count"])
        self.mean.copy_(torch.as_tensor(state["mean"]))
        self.square.copy_(torch.as_tensor(state["square"]))
