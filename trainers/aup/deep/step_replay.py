"""A replay memory of the newest steps of several environments, side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

COLUMNS = ("obs", "actions", "rewards", "dones", "terminated")


class StepReplay:
    """A ring buffer of steps, which keeps each observation once.

    The observation after a step is that of the next step. So the newest step has none yet and is
    not drawn. After the end of an episode it is the next episode's: if the episode terminated,
    nothing follows; if it was truncated, the target is unknown and the step's weight is 0.

    Args:
        capacity: Number of steps kept of each environment; the oldest are overwritten.
        device: Device that holds them.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.capacity, self.device = capacity, device
        self.clear()

    def clear(self) -> None:
        """Delete all steps, and free the memory."""
        self.columns: dict[str, Tensor] = {}
        """Columns `[capacity, N, ...]`, allocated when the first steps are added."""
        self._next, self._size = 0, 0

    def __len__(self) -> int:
        """Return the number of steps of each environment that can be drawn."""
        return max(0, self._size - 1)

    def add(self, steps: dict[str, Tensor]) -> None:
        """Add T consecutive steps.

        Args:
            steps: Every column of `COLUMNS`, `[T, N, ...]`; T is at most `capacity`.
        """
        if not self.columns:
            self.columns = {name: self._column(steps[name]) for name in COLUMNS}
        count = len(steps["actions"])
        places = (self._next + torch.arange(count)) % self.capacity
        for name, column in self.columns.items():
            column[places] = steps[name]
        self._next = (self._next + count) % self.capacity
        self._size = min(self._size + count, self.capacity)

    def _column(self, like: Tensor) -> Tensor:
        size = (self.capacity, *like.shape[1:])
        return torch.zeros(size, dtype=like.dtype, device=self.device)

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw transitions uniformly with replacement.

        Args:
            count: Number of transitions.
            generator: CPU generator of the draws.

        Returns:
            The columns `[count, ...]`, with `next_obs`, and `weight`: 0 if truncated, else 1.
        """
        num_envs = self.columns["actions"].shape[1]
        drawn = torch.randint(len(self) * num_envs, (count,), generator=generator)
        envs, ages = drawn % num_envs, drawn // num_envs
        places = (self._next - self._size + ages) % self.capacity
        found = {name: column[places, envs] for name, column in self.columns.items()}
        found["next_obs"] = self.columns["obs"][(places + 1) % self.capacity, envs]
        found["weight"] = (~found["dones"] | found["terminated"]).float()
        return found

    def get_state(self) -> dict[str, Any]:
        """Return all steps, and the place of the next one."""
        kept = {name: column[: self._size].clone() for name, column in self.columns.items()}
        return {"steps": kept, "next": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.clear()
        for name, kept in state["steps"].items():
            self.columns[name], self._size = self._column(kept), len(kept)
            self.columns[name][: len(kept)] = kept
        self._next = state["next"]
