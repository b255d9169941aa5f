"""Exact auxiliary values of what is seen: what learnt ones should become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chisel import impact
from chisel.envs.gridworlds import TabularMDP


@dataclass(frozen=True)
class BoardModel:
    """A world as somebody sees it who walks at random and tells states apart by their boards."""

    arrivals: NDArray[np.float64]
    """`[B, A, B]`, chance of arriving at a board, also where the episode ends there."""
    goes_on: NDArray[np.float64]
    """`[B, A, B]`, chance of arriving where the episode goes on."""
    visits: NDArray[np.float64]
    """`[B]`, expected number of times an episode acts there."""


def board_model(mdp: TabularMDP, max_steps: int) -> BoardModel:
    """States that look alike count as often as random episodes of `max_steps` meet them."""
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
    arrivals, goes_on = (np.zeros((boards, actions, boards)) for _ in range(2))
    place = mdp.board[:, None], np.arange(actions)[None], mdp.board[mdp.next_state]
    np.add.at(arrivals, place, share[:, None])
    np.add.at(goes_on, place, share[:, None] * ~mdp.terminal[mdp.next_state])
    return BoardModel(arrivals, goes_on, by_board)


def board_values(
    model: BoardModel, rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Action values `[K, B, A]` of rewards `[K, B]`, paid on arrival, nothing after an end.

    Boards that the walk never acts on have value 0.
    """
    boards, actions, _ = model.arrivals.shape
    # One more board, where nothing is paid, takes in what ends.
    leads = np.zeros((boards + 1, actions, boards + 1))
    leads[:-1, :, :-1] = model.goes_on
    leads[..., -1] = np.maximum(1 - leads[..., :-1].sum(-1), 0)  # rounding may go below 0
    paid = np.zeros((len(rewards), boards + 1, actions))
    paid[:, :-1] = np.einsum("bac,kc->kba", model.arrivals, rewards)
    return impact.optimal_q(leads, paid, gamma)[:, :-1]


def exact_episode(
    mdp: TabularMDP,
    q: NDArray[np.float64],
    baseline: Literal["stepwise", "start"],
    *,
    weight: float,
    gamma: float,
    max_steps: int,
) -> impact.Episode:
    """What the best agent does whose penalty is made of exact values.

    Args:
        mdp: the world.
        q: auxiliary action values `[K, B, A]` by board.
        baseline: compare acting with doing nothing now ("stepwise"), or with the best that could be
            attained at the start.
        weight: λ.
        gamma: the agent's discount.
        max_steps: length of the episode.
    """
    if baseline == "stepwise":
        penalty = impact.step_penalty(q, mdp.noop)
    else:
        start = q[:, mdp.board[mdp.start]].max(-1)
        penalty = impact.impact_of(q, start[:, None, None])
    paid = np.where(mdp.terminal[:, None], 0.0, mdp.reward - weight * penalty[mdp.board])
    values = impact.optimal_q(mdp.next_state, paid[None], gamma)[0]
    near = values >= values.max(-1, keepdims=True) - 1e-9  # equal but for rounding is equal
    return impact.follow(mdp, near.argmax(-1), max_steps)
