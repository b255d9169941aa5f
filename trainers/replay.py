"""The newest transitions, to learn from more than once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Replay:
    """A ring of rows; a full one forgets its oldest.

    Args:
        capacity: rows kept.
        device: where they are kept.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.capacity, self.device = capacity, device
        self.columns: dict[str, Tensor] = {}
        """`[capacity, ...]` each; made by the first rows."""
        self._size, self._next = 0, 0

    def __len__(self) -> int:
        return self._size

    def add(self, rows: Mapping[str, Tensor]) -> None:
        """Keep rows `[B, ...]` of every column, the newest last."""
        if not self.columns:
            self.columns = {
                name: torch.zeros(
                    self.capacity, *rows[name].shape[1:], dtype=rows[name].dtype, device=self.device
                )
                for name in rows
            }
        newest = {name: column[-self.capacity :] for name, column in rows.items()}
        count = len(next(iter(newest.values())))
        places = (self._next + torch.arange(count, device=self.device)) % self.capacity
        for name, column in self.columns.items():
            column[places] = newest[name].to(self.device)
        self._next = (self._next + count) % self.capacity
        self._size = min(self._size + count, self.capacity)

    def sample(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw rows `[count, ...]` with replacement, by a CPU generator."""
        places = torch.randint(self._size, (count,), generator=generator).to(self.device)
        return {name: column[places] for name, column in self.columns.items()}

    def clear(self) -> None:
        """Forget all, and free the memory."""
        self.columns, self._size, self._next = {}, 0, 0

    def get_state(self) -> dict[str, Any]:
        """The rows that there are."""
        rows = {name: column[: self._size] for name, column in self.columns.items()}
        return {"rows": rows, "next": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.clear()
        if state["rows"]:
            self.add(state["rows"])
        self._next = state["next"]
