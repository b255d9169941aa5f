"""Where a Markov chain spends its time in the long run, also when it is periodic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def long_run(chain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share `[S, S]` of time in each state, by the state in which the chain starts.

    The Cesàro limit of the powers of the chain (Puterman 1994, appendix A.4). Which states lead to
    which is decided by what is possible at all, not by how likely it is, so that no tolerance
    decides what recurs.

    Args:
        chain: Transition probabilities `[S, S]`.
    """
    count = len(chain)
    reach = _reachable(chain > 0)
    mutual = reach & reach.T
    recurrent = (reach <= mutual).all(axis=1)
    shares = np.zeros((count, count))
    for first in range(count):
        members = np.flatnonzero(mutual[first])
        if recurrent[first] and members[0] == first:
            shares[np.ix_(members, members)] = _stationary(chain[np.ix_(members, members)])
    passing, staying = ~recurrent, recurrent
    if passing.any():
        inside = np.eye(passing.sum()) - chain[np.ix_(passing, passing)]
        entered = np.linalg.solve(inside, chain[np.ix_(passing, staying)])
        shares[np.ix_(passing, staying)] = entered @ shares[np.ix_(staying, staying)]
    return shares


def _reachable(leads: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which states can be reached from which, in any number of steps."""
    reach: NDArray[np.bool_] = leads | np.eye(len(leads), dtype=bool)
    while True:
        further = reach @ reach
        if (further == reach).all():
            return reach
        reach = further


def _stationary(chain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stationary distribution `[M]` of a chain whose states all lead to each other."""
    equations = np.eye(len(chain)) - chain.T
    equations[-1] = 1  # one equation follows from the others; that the shares add up does not
    right = np.zeros(len(chain))
    right[-1] = 1
    return np.linalg.solve(equations, right)
