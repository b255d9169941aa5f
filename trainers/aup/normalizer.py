"""Observations with mean 0 and deviation 1 in each place, for networks that must fit closely."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 0.05
"""Added to deviations, so that a place that hardly ever changes is not blown up."""


class ObservationNormalizer:
    """Subtracts the mean of each place of an observation and divides by its deviation.

    Most places of a board look the same most of the time, so that boards are nearly parallel as
    they are, and a network learns what they have in common long before what tells them apart.

    Args:
        shape: of one observation.
        device: where the moments live.
    """

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        self.count = 0
        self.mean = torch.zeros(shape, device=device)
        self.square = torch.ones(shape, device=device)

    def update(self, obs: Tensor) -> None:
        """Take in observations `[B, ...]`; each call counts alike."""
        found = obs.float()
        self.count += 1
        self.mean += (found.mean(0) - self.mean) / self.count
        self.square += (found.square().mean(0) - self.square) / self.count

    def __call__(self, obs: Tensor) -> Tensor:
        """Float32 `[B, ...]`."""
        deviation = (self.square - self.mean.square()).clamp_min(0).sqrt()
        return (obs.float() - self.mean) / (deviation + FLOOR)

    def get_state(self) -> dict[str, Tensor | int]:
        """The moments."""
        return {"count": self.count, "mean": self.mean.clone(), "square": self.square.clone()}

    def set_state(self, state: dict[str, Tensor | int]) -> None:
        """Go on from `get_state`."""
        self.count = int(state["count"])
        self.mean.copy_(torch.as_tensor(state["mean"]))
        self.square.copy_(torch.as_tensor(state["square"]))
