"""Small worlds whose POWER is known in closed form, and slow, plain ways to compute things."""

import itertools

import numpy as np

STAR, NOTHING, LEFT, TOP_LEFT, BOTTOM_LEFT, RIGHT, TOP_RIGHT, BOTTOM_RIGHT = range(8)

FIGURE_1 = np.array(
    [
        [NOTHING, LEFT, RIGHT],
        [NOTHING, NOTHING, NOTHING],
        [TOP_LEFT, BOTTOM_LEFT, BOTTOM_LEFT],
        [BOTTOM_LEFT, BOTTOM_LEFT, BOTTOM_LEFT],
        [TOP_LEFT, BOTTOM_LEFT, BOTTOM_LEFT],
        [TOP_RIGHT, BOTTOM_RIGHT, BOTTOM_RIGHT],
        [TOP_RIGHT, BOTTOM_RIGHT, BOTTOM_RIGHT],
        [TOP_RIGHT, BOTTOM_RIGHT, BOTTOM_RIGHT],
    ]
)
"""Figure 1 of Turner et al. 2021; the star's actions lead to nothing, to the left, to the right."""

START, CANDY, WAIT, CHOCOLATE, HUG = range(5)
WAIT_WORLD = np.array([[CANDY, WAIT], [CANDY, CANDY], [CHOCOLATE, HUG], [3, 3], [4, 4]])


def fan(children):
    """A state from which each action leads into another absorbing state."""
    ends = np.arange(1, children + 1)
    return np.vstack([ends, np.repeat(ends[:, None], children, axis=1)])


def grid(side):
    """An empty square; actions up, down, left, right, stay."""
    rows = []
    for row, col in itertools.product(range(side), repeat=2):
        moves = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))
        at = [(min(max(row + r, 0), side - 1), min(max(col + c, 0), side - 1)) for r, c in moves]
        rows.append([r * side + c for r, c in at])
    return np.array(rows)


def random_certain(states, actions, seed):
    return np.random.default_rng(seed).integers(0, states, (states, actions))


def random_chancy(states, actions, seed, kept=0.5):
    """Probabilities [S, A, S], about half of them zero."""
    generator = np.random.default_rng(seed)
    likely = generator.random((states, actions, states))
    likely *= generator.random(likely.shape) < kept
    likely[..., 0] += 1e-3  # no row without anything
    return likely / likely.sum(axis=-1, keepdims=True)


def chains(transitions):
    """The Markov chain [S, S] of every deterministic policy, twin actions taken once."""
    likely = np.eye(len(transitions))[transitions] if transitions.ndim == 2 else transitions
    for rows in itertools.product(*(np.unique(one, axis=0) for one in likely)):
        yield np.array(rows)


def values_by_sweeps(transitions, rewards, gamma):
    """(1 - γ) V* by plain value iteration, for one reward [S]."""
    likely = np.eye(len(transitions))[transitions] if transitions.ndim == 2 else transitions
    values = np.zeros(len(rewards))
    while True:
        new = (1 - gamma) * rewards + gamma * (likely @ values).max(axis=1)
        if np.abs(new - values).max() < 1e-15:
            return new
        values = new
