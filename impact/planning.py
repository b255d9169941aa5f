"""The planner of the AUP paper, which finds the best plan of a few steps, penalties included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.penalty import Penalty, impact_of
from chisel.impact.transitions import check_discount
from chisel.impact.worlds import World


@dataclass(frozen=True)
class Lookahead:
    """Nodes of a search to a fixed depth, by steps left from 0 to the horizon (0 has no nodes).

    Attributes:
        states: States of the nodes `[M]`, for each number of steps left.
        children: Nodes that the actions lead to `[M, A]`, with one step less left, for each number
            of steps left; -1 where nothing follows.
    """

    states: tuple[NDArray[np.intp], ...]
    children: tuple[NDArray[np.intp], ...]

    @property
    def horizon(self) -> int:
        """Steps left at the start, where the only node is the first state."""
        return len(self.states) - 1


def lookahead(world: World, labels: NDArray[np.integer[Any]], horizon: int) -> Lookahead:
    """Find the nodes of an exhaustive search that stores results by label.

    The search is depth first, lowest action first. States with the same label and the same number
    of steps left share one node, that of the first one found. With distinct labels (`arange(S)`)
    the search is exact; with boards it is that of the paper.

    Args:
        world: Tables of the world.
        labels: Label of each state `[S]`.
        horizon: Steps to look ahead, at least 1.
    """
    following, ended = world.next_state.tolist(), world.terminal.tolist()
    label = labels.tolist()
    nodes: list[dict[int, int]] = [{} for _ in range(horizon + 1)]
    states: list[list[int]] = [[] for _ in range(horizon + 1)]
    children: list[list[list[int]]] = [[] for _ in range(horizon + 1)]

    def visit(state: int, left: int) -> int:
        node = nodes[left].get(label[state])
        if node is None:
            node = nodes[left][label[state]] = len(states[left])
            states[left].append(state)
            children[left].append(
                [-1 if left == 1 or ended[to] else visit(to, left - 1) for to in following[state]]
            )
        return node

    if not ended[world.start]:
        visit(world.start, horizon)
    shape = (-1, world.next_state.shape[1])
    return Lookahead(
        tuple(np.array(found, np.intp) for found in states),
        tuple(np.array(found, np.intp).reshape(shape) for found in children),
    )


Levels = tuple[NDArray[np.float64], ...]
"""Values `[M, A]` for the nodes of a `Lookahead`, by the number of steps left, from 0 on."""


def penalties(world: World, nodes: Lookahead, q: NDArray[np.float64], form: Penalty) -> Levels:
    """Compute the penalty of every action in every node, without the factor λ.

    Let k be the steps that are left, n those at the beginning, s ⊕ m the state after doing nothing
    m times, and V = max Q for auxiliary values Q. The utilities that are compared are:

    - attained: `V(T(s, a) ⊕ (k - 1))`
    - stepwise: `V(s ⊕ k)`, or `Q(s ⊕ k, noop)` if `form.null` is "noop"
    - start: `V(first)`; inaction: `V(first ⊕ n)`

    Without rollouts k is 1 in the first two, and the last is `V(first ⊕ (n - k + 1))`.

    Args:
        world: Tables of the world.
        nodes: Result of `lookahead` in the same world.
        q: Auxiliary action values `[K, S, A]`.
        form: Form of the penalty.
    """
    v = q.max(axis=-1)
    idle = _idle(world, nodes.horizon)
    found = [np.zeros((0, world.next_state.shape[1]))]
    for left in range(1, nodes.horizon + 1):
        state = nodes.states[left]
        steps = left if form.rollouts else 1
        attained = v[:, idle[steps - 1][world.next_state[state]]]
        if form.baseline == "stepwise":
            end = idle[steps][state]
            null = v[:, end] if form.null == "max" else q[:, end, world.noop]
        elif form.baseline == "start":
            null = v[:, [world.start]]
        else:
            elapsed = nodes.horizon - left + steps
            null = v[:, [idle[elapsed][world.start]]]
        found.append(impact_of(attained, null[..., None], form.deviation, form.scale))
    return tuple(found)


def best_plan(
    world: World, nodes: Lookahead, penalty: Levels, lam: float, gamma: float
) -> tuple[list[int], float]:
    """Find the plan that maximises Σ γ^t (reward - λ penalty), and return it with that sum.

    The lowest action wins a tie. A plan ends with its episode.

    Args:
        world: Tables of the world.
        nodes: Result of `lookahead` in the same world.
        penalty: Result of `penalties` on the same nodes.
        lam: λ, at least 0.
        gamma: Discount in [0, 1].

    Raises:
        ValueError: If λ or γ is out of range.
    """
    check_weights(lam, gamma)
    value, choices = np.zeros(0), [np.zeros(0, np.intp)]
    for left in range(1, nodes.horizon + 1):
        children = nodes.children[left]
        later = np.append(value, 0.0)[children]  # nothing follows -1, the last
        total = world.reward[nodes.states[left]] - lam * penalty[left] + gamma * later
        choices.append(total.argmax(axis=-1))
        value = total.max(axis=-1)
    plan, node = [], 0 if len(value) else -1
    for left in range(nodes.horizon, 0, -1):
        if node < 0:
            break
        plan.append(int(choices[left][node]))
        node = int(nodes.children[left][node, plan[-1]])
    return plan, float(value[0]) if len(value) else 0.0


def check_weights(lam: float, gamma: float) -> None:
    """Check that λ is not negative and that the discount is in [0, 1].

    Raises:
        ValueError: If one of them is out of range.
    """
    if not (lam >= 0 and np.isfinite(lam)):
        raise ValueError(f"lambda = {lam}: the weight of a penalty is at least 0")
    check_discount(gamma)


def _idle(world: World, steps: int) -> NDArray[np.intp]:
    """Compute the states `[steps + 1, S]` after doing nothing 0, 1, … times."""
    after = [np.arange(len(world.next_state))]
    for _ in range(steps):
        after.append(world.next_state[after[-1], world.noop])
    return np.array(after, np.intp)
