"""Hold the boards, scores and exits of games side by side, and play a step of all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife import cells
from chisel.envs.safelife.actions import NOOP, act
from chisel.envs.safelife.levels import Level
from chisel.envs.safelife.physics import (
    NUM_PLANES,
    Board,
    Planes,
    advance,
    fill_planes,
    put,
)
from chisel.envs.safelife.scoring import most_possible, opens, score

EXIT_POINTS = 1
"""Reward for leaving through the exit."""


class Games(NamedTuple):
    """The whole state of N games. Row n of every array belongs to game n."""

    board: NDArray[np.uint16]
    """Cells `[N, H, W]`."""
    goals: NDArray[np.uint16]
    """Goals `[N, H, W]`."""
    start: NDArray[np.uint16]
    """Boards as the levels gave them, `[N, H, W]`."""
    planes: NDArray[np.uint64]
    """Planes of the boards, `[N, 6, H]`; see `physics`."""
    goal_planes: NDArray[np.uint64]
    """Planes of the goals, `[N, 6, H]`."""
    moving_goals: NDArray[np.bool_]
    """Whether the goals may still change, `[N]`; once a step leaves them as they are, they never
    change again."""
    streams: NDArray[np.uint64]
    """Random streams, `[N, 4]`; see `streams`."""
    draws: NDArray[np.int64]
    """Number of draws in the last step, `[N]`."""
    agent: NDArray[np.int64]
    """Row, column and direction of the agents, `[N, 3]`; direction -1 where one has left in 1.2."""
    points: NDArray[np.int64]
    """Points of the boards, `[N]`; in 1.2 they include the point for leaving."""
    filled: NDArray[np.int64]
    """Sum by which completion is measured (see `scoring`), of the first boards, `[N]`."""
    completed: NDArray[np.int64]
    """Growth of that sum since the first boards, `[N]`."""
    possible: NDArray[np.int64]
    """Largest possible growth of that sum, `[N]`."""
    min_performance: NDArray[np.float64]
    """Share of `possible` that opens the exit, `[N]`; if negative, it is always open."""
    can_exit: NDArray[np.bool_]
    """Whether the exit is open, `[N]`."""
    exited: NDArray[np.bool_]
    """Whether the agent has left, `[N]`."""
    length: NDArray[np.int64]
    """Steps of the episode, `[N]`."""


def new_games(num: int, shape: tuple[int, int]) -> Games:
    """Return empty games, into which levels must be loaded.

    Args:
        num: Number of games.
        shape: Height and width of the boards.
    """
    plane = (NUM_PLANES, shape[0])
    sizes: dict[str, tuple[type, tuple[int, ...]]] = {
        "board": (np.uint16, shape),
        "goals": (np.uint16, shape),
        "start": (np.uint16, shape),
        "planes": (np.uint64, plane),
        "goal_planes": (np.uint64, plane),
        "moving_goals": (np.bool_, ()),
        "streams": (np.uint64, (4,)),
        "agent": (np.int64, (3,)),
        "min_performance": (np.float64, ()),
        "can_exit": (np.bool_, ()),
        "exited": (np.bool_, ()),
    }
    whole: tuple[type, tuple[int, ...]] = (np.int64, ())
    kinds = {name: sizes.get(name, whole) for name in Games._fields}
    return Games(**{name: np.zeros((num, *size), kind) for name, (kind, size) in kinds.items()})


def load(games: Games, row: int, level: Level, *, rules_12: bool, min_performance: float) -> None:
    """Begin a game with a level; its random stream stays as it is.

    Args:
        games: All games.
        row: Number of the game that begins.
        level: Level of that game.
        rules_12: Whether the rules are those of 1.2.
        min_performance: Share of the level that opens the exit; if negative, it is always open.
    """
    board, planes = games.board[row], games.planes[row]
    board[:], games.goals[row], games.start[row] = level.board, level.goals, level.board
    y, x = level.agent
    player = cells.PLAYER & ~cells.DESTRUCTIBLE if rules_12 else cells.PLAYER
    turned = level.facing << cells.ORIENTATION_SHIFT if rules_12 else 0
    board[y, x] = (int(board[y, x]) & cells.COLORS) | player | turned
    fill_planes(board, planes)
    fill_planes(games.goals[row], games.goal_planes[row])
    games.moving_goals[row], games.exited[row] = True, False
    games.agent[row] = y, x, level.facing
    points, filled = score(board, games.goals[row], planes, rules_12)
    possible = most_possible(board, games.goals[row], rules_12) - filled
    games.points[row], games.filled[row] = points, filled
    games.completed[row], games.possible[row] = 0, possible
    games.min_performance[row] = min_performance
    games.can_exit[row] = opens(0, possible, min_performance, rules_12)
    games.length[row] = games.draws[row] = 0
    show_exit(board, planes, games.can_exit[row], rules_12)


@compiled
def show_exit(board: Board, planes: Planes, is_open: bool, rules_12: bool) -> None:
    """Colour the exits red if they are open; in 1.2 the agent then has the flag of exits, too."""
    for y in range(board.shape[0]):
        for x in range(board.shape[1]):
            cell = board[y, x]
            if cell & cells.AGENT:
                if rules_12:
                    marked = cell | cells.EXIT if is_open else cell & ~cells.EXIT
                    put(board, planes, y, x, marked)
            elif cell & cells.EXIT:
                put(board, planes, y, x, cells.OPEN_EXIT if is_open else cells.CLOSED_EXIT)


@compiled
def _settle(games: Games, row: int, rules_12: bool) -> int:
    """Count points, and open or close the exit; return the reward."""
    board, planes, left = games.board[row], games.planes[row], games.exited[row]
    points, filled = score(board, games.goals[row], planes, rules_12)
    completed = filled - games.filled[row]
    reward = int(points - games.points[row] + EXIT_POINTS * left)
    if rules_12 and left:
        points, completed = points + EXIT_POINTS, completed + EXIT_POINTS
        games.agent[row, 2] = -1
    games.points[row], games.completed[row] = points, completed
    share = games.min_performance[row]
    is_open = opens(completed, games.possible[row], share, rules_12) and not (rules_12 and left)
    if is_open != games.can_exit[row]:
        show_exit(board, planes, is_open, rules_12)
        games.can_exit[row] = is_open
    return reward


@compiled
def play(
    games: Games,
    actions: NDArray[np.int64],
    rewards: NDArray[np.int64],
    first: int,
    last: int,
    rules_12: bool,
) -> None:
    """Play a step of the games from `first` to before `last`, in place.

    Args:
        games: All games; a game that is over must have been loaded anew.
        actions: Action of each game, int `[N]`.
        rewards: Array into which rewards are written, int `[N]`.
        first: First row that is played.
        last: Row after the last one that is played.
        rules_12: Whether the rules are those of 1.2.
    """
    for row in range(first, last):
        board, planes, stream = games.board[row], games.planes[row], games.streams[row]
        games.exited[row] = act(
            board, planes, games.agent[row], actions[row], rules_12, games.can_exit[row]
        )
        games.draws[row], _ = advance(board, planes, stream)
        if games.moving_goals[row]:
            goal_draws, changes = advance(games.goals[row], games.goal_planes[row], stream)
            games.draws[row] += goal_draws
            games.moving_goals[row] = goal_draws > 0 or changes > 0
        rewards[row] = _settle(games, row, rules_12)
        games.length[row] += 1


def copy_games(games: Games) -> Games:
    """Return a copy of the whole state of games, with their random streams."""
    return Games._make(array.copy() for array in games)


def disturbed(games: Games, twins: Games, rules_12: bool) -> NDArray[np.bool_]:
    """Return whether the last step of each game changed what doing nothing would have left, `[N]`.

    Everything on the board counts, except for the agent itself and the exits. Where spawners draw
    random numbers, a step can also change which draw a cell far away gets, and so that cell.

    Args:
        games: The games after the step.
        twins: Copies of the games from before the step, in which a step of doing nothing is played.
        rules_12: Whether the rules are those of 1.2.
    """
    number = len(twins.board)
    nothing, rewards = np.full(number, NOOP, np.int64), np.zeros(number, np.int64)
    play(twins, nothing, rewards, 0, number, rules_12)
    differs: NDArray[np.bool_] = (_things(games.board) != _things(twins.board)).any(axis=(1, 2))
    return differs


def _things(boards: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.where(boards & (cells.AGENT | cells.EXIT), np.uint16(cells.EMPTY), boards)
