"""Import procgen without side effects, and play its games by thin calls into its C library.

No other file knows procgen, which is an extra. It is imported when the first game is made.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs import how_to_install
from chisel.configs.errors import EnvironmentFault
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.native import draw_levels
from chisel.envs.maze.native.game_bytes import fresh
from chisel.envs.maze.rules import RESET_ACTION, Look
from chisel.envs.maze.state import MazeState

STATE_CAPACITY = 65536
"""Number of bytes reserved for one state; the largest (memory mode) takes about 25,000."""


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Undo the changes of importing procgen and gym: printed notice, paths, variables, warnings."""
    path, variables = list(sys.path), dict(os.environ)
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            yield
    finally:
        sys.path[:] = path
        for name in set(os.environ) - set(variables):
            del os.environ[name]
        os.environ.update(variables)


@functools.cache
def _game_class() -> Any:
    """Import procgen and return its gym3 environment class.

    Raises:
        EnvironmentFault: If procgen is missing or cannot be loaded.
    """
    try:
        with _undisturbed():
            from procgen import ProcgenGym3Env
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            f"mazes played or compared by procgen need it, and {error.name} is not installed: "
            f"{how_to_install('procgen')} (built for Linux on x86-64 only)"
        ) from error
    except ImportError as error:
        raise EnvironmentFault(f"procgen is installed but does not load: {error}") from error
    return ProcgenGym3Env


def _open_once(ffi: Any) -> None:
    """Let later games share procgen's library; cffi would never free 10 kB for each game."""
    if not hasattr(ffi.dlopen, "cache_info"):
        ffi.dlopen = functools.cache(ffi.dlopen)


class ProcgenMaze:
    """`num` maze games in one procgen instance.

    The arrays `rewards`, `first`, `completed`, `previous_seeds` and `level_seeds` are procgen's own
    buffers: `step`, `restart` and `write` change them, so copy what you keep.

    Args:
        num: Number of games.
        look: Mode and visual options.
        seed: Seed of the level streams, in [0, 2**31).
        start: First level seed; only used when `levels` is not 0.
        levels: Number of consecutive level seeds; 0 means all of them.
        threads: procgen's worker threads; results never depend on it.

    Raises:
        EnvironmentFault: If procgen is not installed.
    """

    def __init__(
        self,
        num: int,
        look: Look,
        *,
        seed: int,
        start: int = 0,
        levels: int = 0,
        threads: int = 0,
    ) -> None:
        self.num = num
        self.look = look
        self._env = _game_class()(
            num,
            "maze",
            distribution_mode=look.mode,
            use_backgrounds=look.use_backgrounds,
            use_monochrome_assets=look.use_monochrome_assets,
            restrict_themes=look.restrict_themes,
            rand_seed=seed,
            start_level=start,
            num_levels=levels,
            num_threads=threads,
        )
        _open_once(self._env._ffi)
        # gym3 copies every buffer and makes a dict per game; both cost more than a step.
        self._buffer = self._env._ffi.new(f"char[{STATE_CAPACITY}]")
        self._actions = self._env._ac["action"]
        self.boards = Boards.empty(num, look.world_dim)
        self._loaded: dict[int, MazeState] = {}
        self._scratch = MazeState(fresh(look))
        # At each end procgen draws a level, which `place` overwrites; so it draws the cheapest one.
        cheapest = _seed_of_small_level(look)
        self._scratch.seed_range = (cheapest, cheapest + 1)
        self.rewards: NDArray[np.float32] = self._env._rew
        self.first: NDArray[np.bool_] = self._env._first
        self.completed: NDArray[np.uint8] = self._env._info["prev_level_complete"]
        self.previous_seeds: NDArray[np.int32] = self._env._info["prev_level_seed"]
        self.level_seeds: NDArray[np.int32] = self._env._info["level_seed"]
        self._wait()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """See `Engine`."""
        frames: NDArray[np.uint8] = self._env._ob["rgb"]
        return frames.copy()

    def _wait(self) -> None:
        self._env._c_lib.libenv_observe(self._env._c_env)

    def step(self, actions: NDArray[np.integer[Any]]) -> None:
        """Act in every game, actions int `[num]`, and wait until the buffers are filled."""
        self._act(actions)
        self.boards.move(actions)

    def _act(self, actions: NDArray[np.integer[Any]]) -> None:
        self._actions[:] = actions
        self._env._c_lib.libenv_act(self._env._c_env)
        self._wait()

    def restart(self) -> None:
        """End the episodes of all games by force and load their next levels."""
        self._act(np.full(self.num, RESET_ACTION))

    def load(self, rows: NDArray[np.intp]) -> None:
        """See `Engine.load`."""
        for row in rows.tolist():
            state = self._loaded[row] = MazeState(self.read(row))
            self.boards.fill(row, state)

    def commit(self, rows: NDArray[np.intp], timeout: int) -> None:
        """See `Engine.commit`."""
        for row in rows.tolist():
            state = self._loaded.pop(row)
            world = self.boards.worlds[row]
            if state.timeout == timeout and np.array_equal(state.world, world):
                continue
            state.timeout = timeout
            state.set_world(world, int(self.boards.sizes[row]))
            self._put(row, state.buffer)

    def place(
        self,
        rows: NDArray[np.intp],
        backgrounds: NDArray[np.int32],
        shifts: NDArray[np.float32],
        timeout: int,
    ) -> None:
        """See `Engine.place`."""
        state, boards = self._scratch, self.boards
        state.timeout = timeout
        levels = zip(rows.tolist(), backgrounds.tolist(), shifts.tolist(), strict=True)
        for row, background, shift in levels:
            state.set_world(boards.worlds[row], int(boards.sizes[row]))
            state.set_mouse(*boards.mice[row].tolist())
            state.background = (background, shift)
            state.level_seed = int(boards.seeds[row])
            state.set_outcome(
                float(self.rewards[row]),
                bool(self.first[row]),
                bool(self.completed[row]),
                int(self.previous_seeds[row]),
            )
            self._put(row, state.buffer)

    def read(self, row: int) -> bytearray:
        """Return the whole state of one game (about 75 µs)."""
        length = self._env.call_c_func("get_state", row, self._buffer, STATE_CAPACITY)
        return bytearray(self._env._ffi.buffer(self._buffer, length))

    def write(self, row: int, blob: bytes | bytearray) -> None:
        """Put one game, and its board, into a state.

        Raises:
            EnvironmentFault: If the bytes are not a procgen maze state.
        """
        self.boards.fill(row, MazeState(blob))
        self._put(row, blob)

    def _put(self, row: int, blob: bytes | bytearray) -> None:
        """Put one game into a state and draw it (about 110 µs).

        procgen aborts the process when the bytes are not a state, so they were checked before.
        """
        data = self._env._ffi.from_buffer("char[]", blob)
        self._env.call_c_func("set_state", row, data, len(blob))

    def close(self) -> None:
        """Stop procgen's threads and free the games."""
        self._env.close()


@functools.cache
def _seed_of_small_level(look: Look) -> int:
    """Return the seed of a level of the smallest size."""
    return int(np.argmin(draw_levels(np.arange(1000), look.world_dim)[1]))
