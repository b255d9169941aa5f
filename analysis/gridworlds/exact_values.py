"""Exact auxiliary values by board, which learned ones should converge to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chisel import impact
from chisel.envs.gridworlds import TabularMDP


@dataclass(frozen=True)
class BoardModel:
    """A world whose states are known by their boards alone, as a random walk meets them."""

    transition: NDArray[np.float64]
    """Probability of each next board `[B, A, B]`, also where the episode ends there."""
    continuing: NDArray[np.float64]
    """Probability of each next board at which the episode goes on `[B, A, B]`."""
    visits: NDArray[np.float64]
    """Expected number of actions per episode at each board `[B]`."""


def board_model(mdp: TabularMDP, max_steps: int) -> BoardModel:
    """Average states with the same board as often as random episodes of `max_steps` meet them."""
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
    return BoardModel(transition, continuing, by_board)


def board_values(
    model: BoardModel, rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Return action values `[K, B, A]` of rewards `[K, B]`, paid on arrival, 0 after an end.

    Boards that the walk never acts on have value 0.
    """
    boards, actions, _ = model.transition.shape
    # Ended episodes stay at one more board, where nothing is paid.
    next_board = np.zeros((boards + 1, actions, boards + 1))
    next_board[:-1, :, :-1] = model.continuing
    next_board[..., -1] = np.maximum(1 - next_board[..., :-1].sum(-1), 0)  # rounding may go below 0
    paid = np.zeros((len(rewards), boards + 1, actions))
    paid[:, :-1] = np.einsum("bac,kc->kba", model.transition, rewards)
    return impact.optimal_q(next_board, paid, gamma)[:, :-1]


def exact_episode(
    mdp: TabularMDP,
    q: NDArray[np.float64],
    baseline: Literal["stepwise", "start"],
    *,
    weight: float,
    gamma: float,
    max_steps: int,
) -> impact.Episode:
    """Play the episode of the optimal agent whose penalty is made of exact values.

    Args:
        mdp: World to act in.
        q: Auxiliary action values `[K, B, A]` by board.
        baseline: Whether the penalty compares acting with doing nothing now (`stepwise`), or with
            the best value at the start (`start`).
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
