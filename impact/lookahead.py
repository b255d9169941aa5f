"""What a search to a fixed depth visits; the same for whatever is searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.worlds import World


@dataclass(frozen=True)
class Lookahead:
    """Nodes of a search by steps left, 0 to the horizon; none has 0 steps left.

    Attributes:
        states: For each number of steps left `[M]`, the nodes' states.
        children: For each number of steps left `[M, A]`, the nodes that actions lead to, with one
            step less left; -1 where nothing follows.
    """

    states: tuple[NDArray[np.intp], ...]
    children: tuple[NDArray[np.intp], ...]

    @property
    def horizon(self) -> int:
        """Steps left at the beginning, where the only node is the first state."""
        return len(self.states) - 1


def lookahead(world: World, labels: NDArray[np.integer[Any]], horizon: int) -> Lookahead:
    """Nodes visited by an exhaustive search that remembers what it found by label.

    Searched depth first, lowest action first. States with one label and equally many steps left
    are taken for each other: the plan found for the first one stands for all, whether it suits them
    or not. Labels that tell states apart (`arange(S)`) make it exact; boards make it the paper's.

    Args:
        world: Its tables.
        labels: `[S]`
        horizon: Steps to look ahead, at least 1.
    """
    following, ended = world.next_state.tolist(), world.terminal.tolist()
    label = labels.tolist()
    known: list[dict[int, int]] = [{} for _ in range(horizon + 1)]
    states: list[list[int]] = [[] for _ in range(horizon + 1)]
    children: list[list[list[int]]] = [[] for _ in range(horizon + 1)]

    def visit(state: int, left: int) -> int:
        node = known[left].get(label[state])
        if node is None:
            node = known[left][label[state]] = len(states[left])
            states[left].append(state)
            row: list[int] = []
            children[left].append(row)
            for to in following[state]:
                row.append(-1 if left == 1 or ended[to] else visit(to, left - 1))
        return node

    if not ended[world.start]:
        visit(world.start, horizon)
    shape = (-1, world.next_state.shape[1])
    return Lookahead(
        tuple(np.array(found, np.intp) for found in states),
        tuple(np.array(found, np.intp).reshape(shape) for found in children),
    )
