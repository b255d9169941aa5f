"""Visit distributions of all deterministic policies, by enumeration.

Policies differ only by their actions in states that they reach, so they are extended from the start
state along the states that they reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import (
    TooLargeError,
    check_discount,
    long_run,
    matrix,
    reachable,
)

MOST_POLICIES = 20_000
"""Default number of policies after which enumeration gives up; it takes a few seconds."""

_AT_A_TIME = 2_000
"""Number of policies whose equations are solved together."""


@dataclass(frozen=True)
class Futures:
    """The distinct futures of deterministic policies after a state."""

    forms: NDArray[np.float64]
    """`(1 - γ)/γ (f - e_s)` of every visit distribution f, `[n, S]`: the discounted share of time
    in each state from the next step on. Rows add up to 1. At γ = 0 it is the distribution of the
    next state, at γ = 1 a recurrent state distribution (RSD). POWER is the expected maximum of the
    linear forms `forms @ R`."""
    first: NDArray[np.bool_]
    """Whether a future can begin with an action, `[n, A]`."""

    def beginning_with(self, action: int) -> NDArray[np.float64]:
        """Return the forms `[m, S]` of futures that can begin with an action."""
        return np.asarray(self.forms[self.first[:, action]])


def futures(
    transitions: NDArray[Any], state: int, gamma: float, *, most: int = MOST_POLICIES
) -> Futures:
    """Enumerate all futures from a state (Turner et al. 2021), normalised.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        state: State of the agent.
        gamma: Discount in [0, 1].
        most: Number of policies after which enumeration gives up.

    Raises:
        TooLargeError: If more than `most` policies differ in their successors.
        ValueError: On impossible transitions, state or discount.
    """
    check_discount(gamma)
    likely = matrix(transitions)
    if not 0 <= state < len(likely):
        raise ValueError(f"state {state}: states are 0 to {len(likely) - 1}")
    policies = _policies(likely, state, most)
    forms = np.concatenate(
        [
            _forms(likely, policies[start : start + _AT_A_TIME], state, gamma)
            for start in range(0, len(policies), _AT_A_TIME)
        ]
    )
    same_row = (likely[state, :, None] == likely[state, None]).all(axis=-1)
    first = same_row[policies[:, state]]
    _, kept, number = np.unique(on_grid(forms, 36), axis=0, return_index=True, return_inverse=True)
    begun = np.zeros((len(kept), first.shape[1]), bool)
    np.logical_or.at(begun, number.reshape(-1), first)
    return Futures(forms[kept], begun)


def _policies(likely: NDArray[np.float64], state: int, most: int) -> NDArray[np.int64]:
    """Enumerate policies `[n, S]` that differ in a state they reach; -1 in all other states."""
    choices = [np.unique(rows, axis=0, return_index=True)[1] for rows in likely]
    leads = likely > 0
    partial, found = [np.full(len(likely), -1)], []
    while partial:
        policy = partial.pop()
        undecided = _undecided(leads, policy, state)
        if undecided is None:
            found.append(policy)
        else:
            for action in choices[undecided]:
                longer = policy.copy()
                longer[undecided] = action
                partial.append(longer)
        if len(found) + len(partial) > most:
            raise TooLargeError(_too_large(leads, choices, state, most))
    return np.array(found)


def _undecided(leads: NDArray[np.bool_], policy: NDArray[np.int64], state: int) -> int | None:
    """Find a state that the policy reaches without an action for it."""
    reached, waiting = {state}, [state]
    while waiting:
        at = waiting.pop()
        if policy[at] < 0:
            return at
        new = set(np.flatnonzero(leads[at, policy[at]]).tolist()) - reached
        reached |= new
        waiting.extend(new)
    return None


def _too_large(
    leads: NDArray[np.bool_], choices: list[NDArray[np.int64]], state: int, most: int
) -> str:
    reached = np.flatnonzero(reachable(leads.any(axis=1))[state])
    policies = 10.0 ** min(300.0, float(np.log10([len(choices[at]) for at in reached]).sum()))
    return (
        f"too large to enumerate: {len(reached)} states within reach of state {state}, about "
        f"{policies:.0e} policies, more than {most} of which differ; sampled_power estimates POWER "
        "without enumerating"
    )


def _forms(
    likely: NDArray[np.float64], policies: NDArray[np.int64], state: int, gamma: float
) -> NDArray[np.float64]:
    """Compute `(1 - γ) P(s) (I - γ P)^-1` of each policy, `[n, S]`; at γ = 1 it is the limit."""
    rows = np.arange(len(likely))
    chains = likely[rows, policies]
    chains[policies < 0] = 0  # not reached, so any solvable equation will do
    chains += (policies < 0)[..., None] * np.eye(len(likely))
    if gamma == 1:
        return np.array([long_run(chain)[state] for chain in chains])
    system = np.eye(len(likely)) - gamma * chains.transpose(0, 2, 1)
    next_state = (1 - gamma) * chains[:, state]
    return np.linalg.solve(system, next_state[..., None])[..., 0]


def on_grid(forms: NDArray[np.float64], bits: int) -> NDArray[np.int64]:
    """Round to whole multiples of 2^-bits, so that numbers that are equal up to rounding are equal.

    The offset keeps frequent values, such as 0 and 1/2, away from the steps of the grid.
    """
    return np.asarray(np.floor(forms * 2.0**bits + 0.381966), np.int64)
