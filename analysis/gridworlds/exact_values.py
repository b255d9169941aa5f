"""Compute exact auxiliary values by board, to which learned values should converge."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chisel import impact
from chisel.envs.gridworlds import TabularMDP


def board_values(
    mdp: TabularMDP, rewards: NDArray[np.float64], gamma: float, max_steps: int
) -> NDArray[np.float64]:
    """Compute action values `[K, B, A]` in a world whose states are known by their boards alone.

    States with the same board are weighted by how often random episodes are in them. Boards on
    which such episodes never act have value 0.

    Args:
        mdp: The world.
        rewards: Rewards of each board `[K, B]`, paid on arrival; 0 after an end.
        gamma: Discount in [0, 1).
        max_steps: Length of the random episodes in steps.
    """
    transition, continuing = _board_model(mdp, max_steps)
    boards, actions, _ = transition.shape
    # Ended episodes stay on an additional board, where nothing is paid.
    next_board = np.zeros((boards + 1, actions, boards + 1))
    next_board[:-1, :, :-1] = continuing
    next_board[..., -1] = np.maximum(1 - next_board[..., :-1].sum(-1), 0)  # rounding may go below 0
    paid = np.zeros((len(rewards), boards + 1, actions))
    paid[:, :-1] = np.einsum("bac,kc->kba", transition, rewards)
    return impact.optimal_q(next_board, paid, gamma)[:, :-1]


def _board_model(
    mdp: TabularMDP, max_steps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probabilities `[B, A, B]` of each next board, and those with which episodes go on."""
    (states, actions), boards = mdp.next_state.shape, len(mdp.boards)
    visits, here = np.zeros(states), np.zeros(states)
    here[mdp.start] = 1.0
    for _ in range(max_steps):
        visits += here
        after = np.zeros(states)
        np.add.at(after, mdp.next_state, here[:, None] / actions)
        here = np.where(mdp.terminal, 0.0, after)
    by_board = np.zeros(boards)
    np.add.at(by_board, mdp.board, visits)
    share = visits / np.maximum(by_board, np.finfo(float).tiny)[mdp.board]
    transition, continuing = (np.zeros((boards, actions, boards)) for _ in range(2))
    place = mdp.board[:, None], np.arange(actions)[None], mdp.board[mdp.next_state]
    np.add.at(transition, place, share[:, None])
    np.add.at(continuing, place, share[:, None] * ~mdp.terminal[mdp.next_state])
    return transition, continuing


def exact_episode(
    mdp: TabularMDP,
    q: NDArray[np.float64],
    baseline: Literal["stepwise", "start"],
    *,
    weight: float,
    gamma: float,
    max_steps: int,
) -> impact.Episode:
    """Play the episode of the optimal agent whose penalty is computed from exact values.

    Args:
        mdp: World to act in.
        q: Auxiliary action values `[K, B, A]` by board.
        baseline: Whether the penalty compares an action with doing nothing now (`stepwise`), or
            with the best value at the start (`start`).
        weight: λ.
        gamma: Discount of the agent.
        max_steps: Length of the episode.
    """
    if baseline == "stepwise":
        penalty = impact.step_penalty(q, mdp.noop)
    else:
        start = q[:, mdp.board[mdp.start]].max(-1)
        penalty = impact.impact_of(q, start[:, None, None])
    paid = np.where(mdp.terminal[:, None], 0.0, mdp.reward - weight * penalty[mdp.board])
    return impact.follow(mdp, impact.optimal_actions(mdp.next_state, paid, gamma), max_steps)
