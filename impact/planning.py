"""The planner of the AUP paper: the best plan of a few steps, penalties included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.impact.lookahead import Lookahead
from chisel.impact.penalty import Penalty, impact_of
from chisel.impact.transitions import check_discount
from chisel.impact.worlds import World

Levels = tuple[NDArray[np.float64], ...]
"""By steps left, 0 to the horizon: `[M, A]` for the nodes of a `Lookahead`."""


def penalties(world: World, nodes: Lookahead, q: NDArray[np.float64], form: Penalty) -> Levels:
    """Penalty of every action in every node, λ not included.

    With k steps left, n at the beginning, and s ⊕ m the state after doing nothing m times, the
    utilities compared are, for auxiliary values Q with V = max Q:

    - attained: `V(T(s, a) ⊕ (k - 1))`
    - stepwise: `V(s ⊕ k)`, or `Q(s ⊕ k, noop)` if `form.null` is "noop"
    - start: `V(first)`; inaction: `V(first ⊕ n)`

    Without rollouts k is 1 in the first two, and the last is `V(first ⊕ (n - k + 1))`.

    Args:
        world: Its tables.
        nodes: From `lookahead` on the same world.
        q: Auxiliary action values `[K, S, A]`.
        form: Which penalty.
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
    """The plan that maximises Σ γ^t (reward - λ penalty), and that sum.

    The lowest action wins a tie. A plan ends where its episode does.

    Args:
        world: Its tables.
        nodes: From `lookahead` on the same world.
        penalty: From `penalties` on the same nodes.
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
    """Refuse a negative λ and a discount outside [0, 1].

    Raises:
        ValueError: With the value given.
    """
    if not (lam >= 0 and np.isfinite(lam)):
        raise ValueError(f"lambda = {lam}: the weight of a penalty is at least 0")
    check_discount(gamma)


def _idle(world: World, steps: int) -> NDArray[np.intp]:
    """States `[steps + 1, S]` after doing nothing 0, 1, … times."""
    rest = [np.arange(len(world.next_state))]
    for _ in range(steps):
        rest.append(world.next_state[rest[-1], world.noop])
    return np.array(rest, np.intp)
