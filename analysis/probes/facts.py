"""What a probe is asked: facts of a maze, and what the network itself is about to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.channels.votes import move_logits
from chisel.analysis.steering.maze_states import world_cell
from chisel.configs import ConfigError
from chisel.envs.maze import MOVE_DELTAS, MOVES, Cell, MazeState, paths


@dataclass(frozen=True, eq=False)
class Fact:
    """One question about `N` states, and the right answers."""

    name: str
    values: NDArray[Any]
    """float64 `[N]` for a number, int64 `[N]` for one of several classes."""

    @property
    def is_number(self) -> bool:
        """Whether the answer is a number, and not a class."""
        return self.values.dtype.kind == "f"


def maze_facts(states: Sequence[MazeState], region: int) -> list[Fact]:
    """Facts that a picture of the maze determines.

    Rows and columns are those of the world, in cells: where a thing is in what the network sees.

    Args:
        states: Mazes with one cheese each, the mouse beside it or anywhere.
        region: Side of the top-right region, in cells.

    Returns:
        `cheese-row`, `cheese-column`, `mouse-row`, `mouse-column`: numbers. `cheese-square`,
        `mouse-square`: which cell; `cheese-in-region`: 1 if it lies in the top-right region;
        `step-to-cheese`: the first move of the shortest path, as an index into `MOVES`.

    Raises:
        ConfigError: If a maze has not exactly one cheese, or no way leads to it.
    """
    cheese = np.array([world_cell(one, _cheese(one)) for one in states], np.int64)
    mouse = np.array([world_cell(one, one.mouse) for one in states], np.int64)
    side = max(one.world_dim for one in states)
    inside = [min(_cheese(one)) >= one.maze_dim - region for one in states]
    facts = []
    for name, cells in (("cheese", cheese), ("mouse", mouse)):
        facts.append(Fact(f"{name}-row", cells[:, 0].astype(np.float64)))
        facts.append(Fact(f"{name}-column", cells[:, 1].astype(np.float64)))
        facts.append(Fact(f"{name}-square", cells[:, 0] * side + cells[:, 1]))
    facts.append(Fact("cheese-in-region", np.array(inside, np.int64)))
    facts.append(Fact("step-to-cheese", np.array([_step(one) for one in states], np.int64)))
    return facts


def vote_facts(logits: torch.Tensor) -> list[Fact]:
    """What the network votes for: the centred logits of the moves RIGHT and UP (see `move_logits`).

    They are linear in the policy head's input, so a probe there must read them without error.

    Args:
        logits: Of the 15 actions `[N, 15]`.
    """
    moves = move_logits(logits.double()).numpy()
    return [
        Fact(f"vote-{name.lower()}", moves[:, MOVES.index(name)].copy()) for name in ("RIGHT", "UP")
    ]


def _cheese(state: MazeState) -> Cell:
    if len(state.cheese) != 1:
        raise ConfigError(
            f"maze {state.level_seed} has {len(state.cheese)} cheeses; probes ask where the one is"
        )
    return state.cheese[0]


def _step(state: MazeState) -> int:
    way = paths.shortest_path(state.open, state.mouse, _cheese(state))
    if not way:
        raise ConfigError(f"maze {state.level_seed}: no way leads from the mouse to the cheese")
    if len(way) == 1:
        return MOVES.index("NOOP")
    (row, col), (next_row, next_col) = way[:2]
    return MOVE_DELTAS.index((next_row - row, next_col - col))
