"""What a policy would do, and what it expects, at every free square of a maze."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.evaluation import action_probabilities
from chisel.analysis.results import Frame
from chisel.envs.maze import MOVE_OF_ACTION, MOVES, Cell, MazeState, paths
from chisel.models import to_tensor

Outputs = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`."""

Observe = Callable[[Sequence[MazeState]], NDArray[Any]]
"""States to observations `[B, H, W, C]`, as the policy's environment shows them."""

Orientation = Literal["left", "right"]
_LEFT, _DOWN, _UP, _RIGHT, _NOOP = range(len(MOVES))


@dataclass(frozen=True)
class VectorField:
    """A policy over the `n` free squares of one maze, rows from the bottom."""

    cells: NDArray[np.int64]
    """Row and column of each square in the inner maze, `[n, 2]`."""
    moves: NDArray[np.float64]
    """Probabilities of LEFT, DOWN, UP, RIGHT and NOOP, `[n, 5]`."""
    values: NDArray[np.float64]
    """The critic's estimates `[n]`, in the units it was trained on."""
    state: MazeState
    """The maze, with the mouse where it was given."""
    orientation: Orientation
    """Which way the mouse faces in the observations."""

    @property
    def net(self) -> NDArray[np.float64]:
        """Net probability of going right and of going up, `[n, 2]`, each in -1…1."""
        across = self.moves[:, _RIGHT] - self.moves[:, _LEFT]
        along = self.moves[:, _UP] - self.moves[:, _DOWN]
        return np.stack([across, along], axis=1)

    def at(self, cell: Cell) -> int:
        """The row of a square in the arrays.

        Raises:
            KeyError: If it is a wall.
        """
        return row_of(self.cells, cell)

    def to_frame(self) -> Frame:
        """A row for each square: where it is, the probability of each move, and the value."""
        rows, cols = self.cells.T
        moves = dict(zip(MOVES, self.moves.T, strict=True))
        return Frame({"row": rows, "col": cols, **moves, "value": self.values})

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "level_seed": self.state.level_seed,
            "maze": self.state.draw().splitlines(),
            "start": list(self.state.mouse),
            "cheese": [list(cell) for cell in self.state.cheese],
            "orientation": self.orientation,
            "moves": list(MOVES),
            "squares": [
                {"cell": cell, "probabilities": probabilities, "value": value}
                for cell, probabilities, value in zip(
                    self.cells.tolist(), self.moves.tolist(), self.values.tolist(), strict=True
                )
            ],
        }


def row_of(cells: NDArray[np.int64], cell: Cell) -> int:
    """Which row of the squares `[n, 2]` is a cell.

    Raises:
        KeyError: If none is.
    """
    found = np.flatnonzero((cells == cell).all(axis=1))
    if not len(found):
        raise KeyError(cell)
    return int(found[0])


def vector_field(
    policy: Outputs,
    state: MazeState,
    observe: Observe,
    *,
    orientation: Orientation = "left",
) -> VectorField:
    """Ask a policy at every free square, in one batch.

    The mouse's picture faces where it last went sideways, and the network sees that: a field is one
    of two. A fresh mouse faces left.

    Args:
        policy: Logits over procgen's 15 actions, and values.
        state: The maze; not changed.
        observe: What the policy sees of states, such as `observe_states` with a config.
        orientation: Which way the mouse faces.

    Raises:
        NumericsError: If the policy gives NaN.
    """
    cells = paths.free_cells(state.open)
    with torch.inference_mode():
        logits, values = policy(to_tensor(observe(mouse_at(state, cells, orientation))))
    actions = action_probabilities(logits.double()).numpy()
    return VectorField(
        cells=np.array(cells, np.int64).reshape(-1, 2),
        moves=sum_by_move(actions),
        values=values.double().cpu().numpy(),
        state=state.copy(),
        orientation=orientation,
    )


def mouse_at(state: MazeState, cells: Iterable[Cell], orientation: Orientation) -> list[MazeState]:
    """Copies of a maze with the mouse on each of these cells, facing one way."""
    placed = []
    for row, col in cells:
        copy = state.copy()
        copy.set_mouse(row, col)
        copy.is_reflected = orientation == "right"
        placed.append(copy)
    return placed


def sum_by_move(actions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of procgen's actions `[..., 15]` to those of the five moves `[..., 5]`."""
    member = MOVE_OF_ACTION[:, None] == np.arange(len(MOVES))
    summed: NDArray[np.float64] = actions @ member.astype(np.float64)
    return summed
