"""The native engine: procgen's maze game in compiled code."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.maze.boards import Boards, move_mouse
from chisel.envs.maze.native.flat import PIXELS, Painter
from chisel.envs.maze.native.game_bytes import fresh, new_record, read_record, write_game
from chisel.envs.maze.native.generator import generate
from chisel.envs.maze.native.streams import level_streams, next_seed, seed_limits
from chisel.envs.maze.native.textured import painter
from chisel.envs.maze.native.words import Stream, below, seed_words
from chisel.envs.maze.rules import CHEESE, FREE, NOTHING_ACTION, RESET_ACTION, Look
from chisel.envs.maze.state import MazeState

_NUMBERS = 1_000_000
"""In each step procgen draws a number below this one, which the maze does not use."""


class NativeMaze:
    """`num` maze games, played and drawn bit for bit as procgen's; see `Engine`.

    Args:
        num: Number of games.
        look: Mode and visual options.
        seed: Seed of the level streams, in [0, 2**31).
        start: First level seed; only used when `levels` is not 0.
        levels: Number of consecutive level seeds; 0 means all of them.
        assets: Folder of procgen's image files; None takes those of an installed procgen. Only
            textured pixels need them.
    """

    def __init__(
        self,
        num: int,
        look: Look,
        *,
        seed: int,
        start: int = 0,
        levels: int = 0,
        assets: str | None = None,
    ) -> None:
        self.num, self.look = num, look
        self.boards = Boards.empty(num, look.world_dim)
        self._games = np.repeat(new_record()[None], num)
        self._games["game"] = np.arange(num)
        self._games["low"], self._games["high"] = seed_limits(start, levels)
        self._streams = level_streams(seed, num)
        self._draws = np.zeros_like(self._streams)
        self._placed = np.zeros(num, np.bool_)
        """Whether the level was put there by `place`; such a game has the streams of a fresh state.
        """
        self._due = np.ones(num, np.bool_)
        """Whether the next level is to be drawn."""
        self._pictures = _Pictures(num, look, assets)
        self.load(np.arange(num))

    @property
    def rewards(self) -> NDArray[np.float32]:
        """See `Engine`."""
        return self._games["reward"]

    @property
    def first(self) -> NDArray[np.bool_]:
        """See `Engine`."""
        return self._games["done"].astype(np.bool_)

    @property
    def completed(self) -> NDArray[np.uint8]:
        """See `Engine`."""
        return self._games["completed"].astype(np.uint8)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """See `Engine`."""
        return self._pictures.of(self.boards, self._games)

    @functools.cached_property
    def _new_game(self) -> NDArray[Any]:
        return _fresh_game(self.look)[0][None]

    def step(self, actions: NDArray[np.integer[Any]]) -> None:
        """See `Engine.step`."""
        boards = self.boards
        _step(
            self._games,
            boards.worlds,
            boards.sizes,
            boards.mice,
            self._draws,
            self._placed,
            self._due,
            self._pictures.stale,
            np.asarray(actions, np.int64),
        )

    def restart(self) -> None:
        """See `Engine.restart`."""
        self.step(np.full(self.num, RESET_ACTION))

    def load(self, rows: NDArray[np.intp]) -> None:
        """See `Engine.load`."""
        rows, boards = rows[self._due[rows]], self.boards
        _load(rows, self._games, boards.worlds, boards.sizes, self._streams, self._draws)
        boards.mice[rows] = 0
        boards.seeds[rows] = self._games["level_seed"][rows]
        self._placed[rows] = self._due[rows] = False
        self._pictures.stale[rows] = True

    def commit(self, rows: NDArray[np.intp], timeout: int) -> None:
        """See `Engine.commit`."""
        self._games["timeout"][rows] = timeout

    def place(
        self,
        rows: NDArray[np.intp],
        backgrounds: NDArray[np.int32],
        shifts: NDArray[np.float32],
        timeout: int,
    ) -> None:
        """See `Engine.place`."""
        seeds = self.boards.seeds
        _place(rows, self._games, self._new_game, seeds, backgrounds, shifts, timeout)
        self._placed[rows], self._due[rows] = True, False
        self._pictures.stale[rows] = True

    def read(self, row: int) -> bytearray:
        """See `Engine.read`."""
        record, stream, draws = self._games[row].copy(), self._streams[row], self._draws[row]
        if self._placed[row]:
            _, stream, draws = _fresh_game(self.look)
            draws = draws.copy()
            for _ in range(int(record["time"])):
                record["number"] = below(draws, _NUMBERS)
        boards = self.boards
        mouse = (int(boards.mice[row, 0]), int(boards.mice[row, 1]))
        world, size = boards.worlds[row], int(boards.sizes[row])
        return write_game(self.look, record, stream, draws, world, size, mouse)

    def write(self, row: int, blob: bytes | bytearray) -> None:
        """See `Engine.write`."""
        self.boards.fill(row, MazeState(blob))
        self._games[row], self._streams[row], self._draws[row] = read_record(blob)
        self._placed[row] = self._due[row] = False
        self._pictures.stale[row] = True

    def close(self) -> None:
        """See `Engine.close`: there is nothing to free."""


class _Pictures:
    """Pictures of games, drawn when they are asked for."""

    def __init__(self, num: int, look: Look, assets: str | None) -> None:
        self._num, self._look, self._assets = num, look, assets
        self.stale = np.ones(num, np.bool_)
        """Games to draw anew at the next call of `of`, because more than the mouse has changed."""

    @functools.cached_property
    def _painter(self) -> Painter:
        return painter(self._look, self._assets)

    @functools.cached_property
    def _scenes(self) -> NDArray[np.uint8]:
        """Pictures of all games without the mice."""
        return np.zeros((self._num, PIXELS, PIXELS, 3), np.uint8)

    def of(self, boards: Boards, games: NDArray[Any]) -> NDArray[np.uint8]:
        """Return pictures of all games, uint8 `[N, 64, 64, 3]`."""
        mice, drawn = boards.mice_in_world, self.stale | self._look.centred
        if drawn.any():
            rows = np.flatnonzero(drawn)
            self._painter.draw(rows, boards.worlds, mice, games["background"], self._scenes)
            self.stale[:] = False
        images = self._scenes.copy()
        self._painter.draw_mice(mice, games["reflected"], images)
        return images


@functools.cache
def _fresh_game(look: Look) -> tuple[NDArray[Any], Stream, Stream]:
    """Return facts and streams of a fresh state, into which levels are placed."""
    return read_record(fresh(look))


@compiled
def _load(
    rows: NDArray[np.intp],
    games: NDArray[Any],
    worlds: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    streams: Stream,
    draws: Stream,
) -> None:
    """Draw the next level of these games."""
    for row in rows:
        game = games[row]
        seed = next_seed(streams[row], game["low"], game["high"])
        seed_words(draws[row], seed)
        size, background, shift = generate(draws[row], worlds[row])
        sizes[row] = size
        game["level_seed"], game["background"], game["shift"] = seed, background, shift
        game["time"] = game["age"] = game["reflected"] = 0
        game["speed_x"] = game["speed_y"] = 0.0
        game["action"] = NOTHING_ACTION


@compiled
def _place(
    rows: NDArray[np.intp],
    games: NDArray[Any],
    new: NDArray[Any],
    seeds: NDArray[np.int64],
    backgrounds: NDArray[np.int32],
    shifts: NDArray[np.float32],
    timeout: int,
) -> None:
    """Make these games new, except for what they report of their last step."""
    for number in range(len(rows)):
        game = games[rows[number]]
        reward, done = game["reward"], game["done"]
        completed, previous_seed = game["completed"], game["previous_seed"]
        games[rows[number]] = new[0]
        game["reward"], game["done"] = reward, done
        game["completed"], game["previous_seed"] = completed, previous_seed
        game["timeout"], game["level_seed"] = timeout, seeds[rows[number]]
        game["background"], game["shift"] = backgrounds[number], shifts[number]


@compiled
def _step(
    games: NDArray[Any],
    worlds: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    mice: NDArray[np.int64],
    draws: Stream,
    placed: NDArray[np.bool_],
    due: NDArray[np.bool_],
    stale: NDArray[np.bool_],
    actions: NDArray[np.int64],
) -> None:
    """Play one step of every game."""
    for row in range(len(games)):
        game, forced = games[row], actions[row] == RESET_ACTION
        action = NOTHING_ACTION if forced else actions[row]
        y, x = mice[row, 0], mice[row, 1]
        move_mouse(worlds[row], sizes[row], mice[row], action)
        _note_action(game, action, mice[row, 1] - x, mice[row, 0] - y)
        if not placed[row]:
            game["number"] = below(draws[row], _NUMBERS)
        margin = (worlds.shape[1] - sizes[row]) // 2
        cell = worlds[row, margin + mice[row, 0]]
        at = margin + mice[row, 1]
        game["reward"], game["completed"] = 0.0, 0
        if cell[at] == CHEESE:
            cell[at] = FREE
            game["reward"], game["completed"] = 10.0, 1
            game["last_reward"], game["reward_timer"] = 10.0, 10
        over = game["completed"] == 1 or forced or game["time"] >= game["timeout"]
        game["done"] = game["episode_done"] = over
        if over:
            due[row] = stale[row] = True  # the cheese may be gone
        game["previous_seed"] = game["level_seed"]


@compiled
def _note_action(game: Any, action: int, moved_x: int, moved_y: int) -> None:
    """Record an action and the move that followed from it, as procgen does."""
    game["time"] += 1
    game["age"] += 1
    game["action"] = action
    plain = action if action < 9 else NOTHING_ACTION
    game["move"], game["special"] = plain, action - 8 if action > 8 else 0
    if plain != NOTHING_ACTION:
        game["last_move"] = plain
    asked_x = plain // 3 - 1
    asked_y = 0 if asked_x else plain % 3 - 1
    game["asked_x"], game["asked_y"] = asked_x, asked_y
    game["speed_x"] = moved_x if moved_x else np.copysign(0.0, asked_x)
    game["speed_y"] = moved_y if moved_y else np.copysign(0.0, asked_y)
    if asked_x:
        game["reflected"] = asked_x > 0
