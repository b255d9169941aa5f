"""Draw the pictures of docs/reference/safelife-rules.md, and the README's of SafeLife.

Run `python docs/figures/safelife_rules.py`.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from chisel.analysis.safelife import tempting_levels
from chisel.envs.safelife import (
    TASKS,
    Level,
    cells,
    generate,
    load,
    new_games,
    pcg64_stream,
    play,
    read_levels,
    render,
    side_by_side,
)

HERE = Path(__file__).parent
LEVELS = HERE.parents[1] / "tests" / "analysis" / "safelife" / "traces"
GREEN, RED = cells.GREEN, cells.RED
TYPES = {
    "life": cells.LIFE | GREEN,
    "hard life": cells.ALIVE | GREEN,
    "tree": cells.TREE | GREEN,
    "wall": cells.WALL,
    "crate": cells.CRATE,
    "plant": cells.PLANT | GREEN,
    "weed": cells.WEED | GREEN,
    "parasite": cells.PARASITE | GREEN,
    "ice": cells.ICE_CUBE,
    "fountain": cells.FOUNTAIN,
    "spawner": cells.SPAWNER | cells.YELLOW,
    "exit, shut": cells.CLOSED_EXIT,
    "exit, open": cells.OPEN_EXIT,
    "agent": cells.PLAYER,
}
Picture = NDArray[np.uint8]


def larger(picture: Picture, times: int) -> Picture:
    """Repeat every pixel."""
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def types() -> Picture:
    """Draw every type of cell, with its name below, in two rows."""
    side, wide = 48, 96
    rows = -(-len(TYPES) // 7)
    sheet = Image.new("RGB", (7 * wide, rows * (side + 26)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, cell) in enumerate(TYPES.items()):
        row, column = divmod(number, 7)
        tile = larger(render(np.array([[cell]], np.uint16), np.zeros((1, 1), np.uint16), 1), 3)
        sheet.paste(Image.fromarray(tile), (column * wide + 24, row * (side + 26) + 2))
        centre = (column * wide + wide // 2, row * (side + 26) + side + 12)
        draw.text(centre, name, fill="black", anchor="mm", font_size=13)
    return np.asarray(sheet)


def film(board: NDArray[np.uint16], actions: list[int]) -> Picture:
    """Draw a board before and after each action."""
    games = new_games(1, board.shape)
    games.streams[0] = pcg64_stream(3)
    load(games, 0, Level(board, np.zeros_like(board)), rules_12=False, min_performance=0.5)
    pictures, reward = [], np.zeros(1, np.int64)
    for action in [*actions, 0]:
        pictures.append(render(games.board[0], games.goals[0], int(games.agent[0, 2])))
        play(games, np.array([action]), reward, 0, 1, False)
    return larger(side_by_side(pictures), 2)


def life() -> Picture:
    """A blinker turns, a block stays, and three cells of two colours give birth to a fourth."""
    board = np.zeros((10, 11), np.uint16)
    board[2, 1:4] = cells.LIFE | GREEN
    board[2:4, 7:9] = cells.LIFE | GREEN
    board[6, 1], board[6, 2], board[7, 1] = (cells.LIFE | RED, cells.LIFE | RED, cells.LIFE | GREEN)
    board[7, 8] = cells.PLAYER
    return film(board, [0, 0])


def agent() -> Picture:
    """The agent makes life, which lives beside it, drags a crate, and lets go of what it made."""
    board = np.zeros((7, 9), np.uint16)
    board[3, 2], board[3, 1], board[1, 6] = cells.PLAYER, cells.CRATE, cells.TREE | GREEN
    return film(board, [5, 2, 2])


def spawning() -> Picture:
    """A spawner fills its surroundings; the fence around it keeps the life in."""
    board = np.zeros((9, 9), np.uint16)
    board[1, 1:8] = board[7, 1:8] = board[1:8, 1] = board[1:8, 7] = cells.WALL
    board[4, 4], board[0, 0] = cells.SPAWNER | cells.YELLOW, cells.PLAYER
    return film(board, [0, 0, 0])


def levels() -> Picture:
    """A level each of append-spawn, append-still and prune-still-easy."""
    found = {Path(level.name).stem: level for level in read_levels(str(LEVELS))}
    chosen = [found[name] for name in ("spawn-greedy", "still-1.2", "prune-left")]
    return side_by_side([render(one.board, one.goals, one.facing) for one in chosen])


def two_ways() -> Picture:
    """Three rooms of `ways`, in which the shorter way leads through green life."""
    inside = slice(6, 20)
    chosen = tempting_levels(3, seed=0)
    rooms = [(one.board[inside, inside], one.goals[inside, inside]) for one in chosen]
    return side_by_side([render(board, goals, 1) for board, goals in rooms])


def overview() -> Picture:
    """A level of append-spawn at the start, left alone for 400 steps, and after random moves."""
    level = generate(TASKS["append-spawn"], 11)
    acts = np.random.default_rng(0).integers(0, 9, 400)
    start = render(level.board, level.goals, level.facing)
    return side_by_side([start, after(level, np.zeros_like(acts)), after(level, acts)])


def after(level: Level, actions: NDArray[np.int64]) -> Picture:
    """Draw a level after some actions."""
    games, reward = new_games(1, level.board.shape), np.zeros(1, np.int64)
    games.streams[0] = pcg64_stream(3)
    load(games, 0, level, rules_12=False, min_performance=0.5)
    for action in actions:
        play(games, np.array([action]), reward, 0, 1, False)
    return render(games.board[0], games.goals[0], int(games.agent[0, 2]))


PICTURES = {
    "safelife": overview,
    "safelife-cells": types,
    "safelife-life": life,
    "safelife-agent": agent,
    "safelife-spawner": spawning,
    "safelife-levels": levels,
    "safelife-ways": two_ways,
}

if __name__ == "__main__":
    for name, draw_one in PICTURES.items():
        Image.fromarray(draw_one()).save(HERE / f"{name}.png", optimize=True)
