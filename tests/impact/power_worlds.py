"""Small worlds with a known POWER, and slow reference implementations."""

import itertools

import numpy as np

from chisel.impact.examples import (
    BOTTOM_LEFT,
    BOTTOM_RIGHT,
    LEFT,
    NOTHING,
    RIGHT,
    STAR,
    START,
    TOP_LEFT,
    TOP_RIGHT,
    figure_1,
    open_grid,
    wait_world,
)

__all__ = ["BOTTOM_LEFT", "BOTTOM_RIGHT", "LEFT", "NOTHING", "RIGHT", "STAR", "START"]
__all__ += ["TOP_LEFT", "TOP_RIGHT"]

FIGURE_1, WAIT_WORLD, grid = figure_1(), wait_world(), open_grid


def fan(children):
    """A state from which each action leads into another absorbing state."""
    ends = np.arange(1, children + 1)
    return np.vstack([ends, np.repeat(ends[:, None], children, axis=1)])


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
