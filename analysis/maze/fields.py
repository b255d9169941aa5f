"""Compute vector fields: a policy's moves and values at every free square of a maze."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from chisel.analysis.evaluation import action_probabilities
from chisel.envs.maze import MOVE_OF_ACTION, MOVES, Cell, MazeState, paths
from chisel.models import to_tensor

Outputs = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Function from observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`."""

Observe = Callable[[Sequence[MazeState]], NDArray[Any]]
"""Function from states to observations `[B, H, W, C]`, as the policy's environment shows them."""

Orientation = Literal["left", "right"]
_LEFT, _DOWN, _UP, _RIGHT, _ = range(len(MOVES))


@dataclass(frozen=True)
class VectorField:
    """A policy at the `n` free squares of one maze; row 0 of the maze is the bottom one."""

    cells: NDArray[np.int64]
    """Row and column of each square in the inner maze, `[n, 2]`."""
    moves: NDArray[np.float64]
    """Probabilities of LEFT, DOWN, UP, RIGHT and NOOP, `[n, 5]`."""
    values: NDArray[np.float64]
    """The critic's estimates `[n]`, in the units it was trained on."""
    state: MazeState
    """The maze, with the mouse at its start."""
    orientation: Orientation
    """Side that the mouse faces in the observations."""

    @property
    def net(self) -> NDArray[np.float64]:
        """Return the net probabilities of going right and of going up, `[n, 2]`, each in -1…1."""
        across = self.moves[:, _RIGHT] - self.moves[:, _LEFT]
        along = self.moves[:, _UP] - self.moves[:, _DOWN]
        return np.stack([across, along], axis=1)

    def at(self, cell: Cell) -> int:
        """Return the row of a square in the arrays.

        Raises:
            KeyError: If the square is a wall.
        """
        return row_of(self.cells, cell)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each square: its place, the probability of each move, the value."""
        rows, cols = self.cells.T
        moves = dict(zip(MOVES, self.moves.T, strict=True))
        return pd.DataFrame({"row": rows, "col": cols, **moves, "value": self.values})

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
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
    """Return the number of the row of squares `[n, 2]` that is a cell.

    Raises:
        KeyError: If no row is the cell.
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
    """Compute a policy's outputs at every free square, in one batch.

    The mouse's picture faces the side it last moved to, and the network sees that. So a maze has
    two fields; a mouse that has not moved yet faces left.

    Args:
        policy: Function that returns logits over procgen's 15 actions, and values.
        state: The maze. It is not changed.
        observe: Function that makes observations of states, such as `observe_states` with a config.
        orientation: Side that the mouse faces.

    Raises:
        NumericsError: If the policy gives NaN.
    """
    cells = paths.free_cells(state.open)
    with torch.inference_mode():
        logits, values = policy(to_tensor(observe(mouse_at(state, cells, orientation))))
    return VectorField(
        cells=np.array(cells, np.int64).reshape(-1, 2),
        moves=move_probabilities(logits),
        values=values.double().cpu().numpy(),
        state=state.copy(),
        orientation=orientation,
    )


def mouse_at(state: MazeState, cells: Iterable[Cell], orientation: Orientation) -> list[MazeState]:
    """Return copies of a maze with the mouse on each of these cells, facing one way."""
    placed = []
    for row, col in cells:
        copy = state.copy()
        copy.set_mouse(row, col)
        copy.is_reflected = orientation == "right"
        placed.append(copy)
    return placed


def move_probabilities(logits: torch.Tensor) -> NDArray[np.float64]:
    """Return probabilities of the five moves `[B, 5]` from logits of procgen's actions `[B, 15]`.

    Raises:
        NumericsError: If a logit is NaN.
    """
    return sum_by_move(action_probabilities(logits.double()).numpy())


def sum_by_move(actions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities of the five moves `[..., 5]` from those of 15 actions `[..., 15]`."""
    member = MOVE_OF_ACTION[:, None] == np.arange(len(MOVES))
    summed: NDArray[np.float64] = actions @ member.astype(np.float64)
    return summed
