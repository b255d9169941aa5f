"""A replay memory that keeps each distinct transition once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.trainers.aup.bellman import TransitionGraph
from chisel.trainers.aup.observation_hash import ObservationHash, joined


class Replay:
    """The newest distinct transitions, and how often each was seen.

    Random actions in a small world give some transitions ten thousand times and others once. If
    they were drawn as often as they were seen, rare ones would be learnt last; here all are drawn
    equally often. A row's `weight` is the relative frequency of its next observation after the same
    action on the same observation, so that means over next observations are those of the world.

    Args:
        capacity: Number of rows kept; a full replay overwrites the oldest.
        observation_hash: Hash of observations, to find equal ones.
        device: Device of the rows.
    """

    def __init__(
        self, capacity: int, observation_hash: ObservationHash, device: torch.device
    ) -> None:
        self.capacity, self.observation_hash, self.device = capacity, observation_hash, device
        self.clear()

    def __len__(self) -> int:
        return len(self._places)

    def clear(self) -> None:
        """Delete all rows, and free the memory."""
        self.columns: dict[str, Tensor] = {}
        """Columns `[capacity, ...]`, allocated when the first rows are added."""
        self._next = 0
        self._places: dict[int, int] = {}
        self._keys = np.zeros(self.capacity, np.uint64)
        self._pairs = np.zeros(self.capacity, np.uint64)
        self._ends = np.zeros((self.capacity, 2), np.uint64)
        self._counts = np.zeros(self.capacity)

    def add(self, rows: Mapping[str, Tensor], counts: NDArray[np.float64] | None = None) -> None:
        """Add transitions.

        Args:
            rows: Columns `[B, ...]`: `obs`, `actions`, `next_obs`, `terminated`, and any others.
            counts: How much each transition counts in weights, above 0, `[B]`; `None` counts each
                once.
        """
        actions = rows["actions"].cpu().numpy().astype(np.uint64)
        ended = rows["terminated"].cpu().numpy().astype(np.uint64)
        ends = np.stack([self.observation_hash(rows[name]) for name in ("obs", "next_obs")], 1)
        pairs = joined(ends[:, 0], actions)
        keys = joined(joined(pairs, ends[:, 1]), ended)
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        sums = np.bincount(inverse.reshape(-1), counts)
        order = np.argsort(first)
        fresh: list[int] = []
        for key, row, count in zip(distinct[order], first[order], sums[order], strict=True):
            place = self._places.get(int(key))
            if place is None:
                place = self._allocate(key)
                self._pairs[place], self._ends[place] = pairs[row], ends[row]
                fresh.append(int(row))
            self._counts[place] += count
        self._write(rows, fresh)

    def _allocate(self, key: np.uint64) -> int:
        """Return the place of a new row; delete the row that it held."""
        place, self._next = self._next, (self._next + 1) % self.capacity
        if self._counts[place]:
            del self._places[int(self._keys[place])]
        self._keys[place], self._counts[place] = key, 0
        self._places[int(key)] = place
        return place

    def _write(self, rows: Mapping[str, Tensor], fresh: list[int]) -> None:
        """Copy new rows to their places, which end before `_next`."""
        if not self.columns:
            for name, column in rows.items():
                size = (self.capacity, *column.shape[1:])
                self.columns[name] = torch.zeros(size, dtype=column.dtype, device=self.device)
        kept = torch.tensor(fresh[-self.capacity :], dtype=torch.int64)
        places = (self._next - len(kept) + torch.arange(len(kept))) % self.capacity
        for name, column in self.columns.items():
            column[places.to(self.device)] = rows[name][kept.to(rows[name].device)].to(self.device)

    def weights(self) -> Tensor:
        """Return weights, float32 `[len(self)]`; they sum to 1 for an observation and action."""
        counts, pairs = self._counts[: len(self)], self._pairs[: len(self)]
        _, group = np.unique(pairs, return_inverse=True)
        shares: NDArray[np.float64] = counts / np.bincount(group, counts)[group]
        return torch.from_numpy(shares.astype(np.float32)).to(self.device)

    def graph(self) -> tuple[NDArray[np.uint64], TransitionGraph]:
        """Return all rows as transitions between M observations, on the CPU.

        Returns:
            Hashes `[M]` of the observations, ascending, where an observation's number is its index;
            and the transitions.
        """
        size = len(self)
        hashes, numbers = np.unique(self._ends[:size], return_inverse=True)
        ends = torch.from_numpy(numbers.reshape(size, 2))
        return hashes, TransitionGraph(
            obs=ends[:, 0],
            action=self.columns["actions"][:size].cpu(),
            next_obs=ends[:, 1],
            terminated=self.columns["terminated"][:size].cpu(),
            weight=self.weights().cpu(),
        )

    def rows(self, places: Tensor) -> dict[str, Tensor]:
        """Return rows `[B, ...]` of every column, and their `weight`.

        Args:
            places: Numbers of the rows, from 0 to `len(self) - 1`, `[B]`.
        """
        places = places.to(self.device)
        rows = {name: column[places] for name, column in self.columns.items()}
        return rows | {"weight": self.weights()[places]}

    def get_state(self) -> dict[str, Any]:
        """Return all rows, their counts, and the hash's key."""
        size = len(self)
        bookkeeping = {"keys": self._keys.view(np.int64), "pairs": self._pairs.view(np.int64)}
        return {
            "next": self._next,
            "rows": {name: column[:size].clone() for name, column in self.columns.items()},
            "counts": torch.from_numpy(self._counts[:size].copy()),
            **{name: torch.from_numpy(v[:size].copy()) for name, v in bookkeeping.items()},
            "fingerprints": self.observation_hash.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.clear()
        self.observation_hash.set_state(state["fingerprints"])
        size = len(state["counts"])
        for name, kept in state["rows"].items():
            full = torch.zeros(self.capacity, *kept.shape[1:], dtype=kept.dtype, device=self.device)
            full[:size] = kept.to(self.device)
            self.columns[name] = full
        for side, name in enumerate(("obs", "next_obs") if size else ()):
            self._ends[:size, side] = self.observation_hash(state["rows"][name])
        self._counts[:size] = state["counts"].cpu().numpy()
        self._keys[:size] = state["keys"].cpu().numpy().view(np.uint64)
        self._pairs[:size] = state["pairs"].cpu().numpy().view(np.uint64)
        self._places = {int(key): place for place, key in enumerate(self._keys[:size])}
        self._next = state["next"]
