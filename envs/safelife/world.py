"""SafeLife as a Gymnasium vector environment with state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.envs.base import Plain
from chisel.envs.compiled import compiled
from chisel.envs.declarations import require
from chisel.envs.safelife.actions import ACTIONS, NOOP
from chisel.envs.safelife.games import Games, copy_games, disturbed, load, new_games, play
from chisel.envs.safelife.levels import LevelSource
from chisel.envs.safelife.physics import fill_planes
from chisel.envs.safelife.render import Greys, render
from chisel.envs.safelife.scoring import completion
from chisel.envs.safelife.shaping import Schedule, Shaping
from chisel.envs.safelife.side_effects import Rules
from chisel.envs.safelife.streams import Stream, pcg64_stream
from chisel.envs.safelife.view import CHANNELS_10, CHANNELS_12, SIDE, look, planes_of_view
from chisel.envs.vector import SameStepVectorEnv, Seed, ended_infos, whole_seed

STATE_FORMAT = 1
TIME_LIMITS = {"1.0": 1001, "1.2": 1000}
"""Longest episodes, by the version of the rules."""
_DERIVED = ("planes", "goal_planes")
"""Arrays that are computed from others, and therefore not saved."""


def usual_share(frames: int) -> float:
    """Return the share of a level that opens its exit in all tasks of the reference."""
    return 0.5


class SafeLifeVectorEnv(SameStepVectorEnv):
    """`num_envs` games side by side; see `envs.StatefulVectorEnv` for the contract.

    Observations are views of 25x25 cells, packed as int16 `[25, 25, 1]` (`packed` is the number of
    channels in a word then), or as planes uint8 `[25, 25, C]`. Leaving through the exit is
    `terminated`, the time limit `truncated`; `infos["final_obs"]` has the last observation of
    every episode.

    `infos["episode"]` has `r` (the return with additions of training), `reward` (the return without
    them), `l`, `performance` (what was completed as a share of what was possible), `exited`,
    `success` (the same) and `level_seed`. Beside it, `infos["start_board"]` and
    `infos["final_board"]` are the boards `[N, H, W]` between which side effects are measured, valid
    where `infos["_episode"]`.

    If `disturbs` is asked for, `infos["disturbs"]` says of every step whether it changed something
    that doing nothing would have left as it was (see `games.disturbed`).

    With the rules of 1.0 the random draws of a copy go on from episode to episode; with those of
    1.2 they begin anew with the seed of each level.

    Args:
        source: Source of the levels.
        num_envs: Number of games.
        seed: Seed of everything random.
        rules: Version of the rules.
        packed: Whether views are packed; otherwise they are planes.
        time_limit: Steps after which an episode is cut off; None takes the version's own.
        stream: Function that makes the random stream of a copy from a seed.
        min_performance: Share of a level that opens its exit, by the environment steps so far; if
            negative, it is always open.
        shaping: Additions to rewards; None adds nothing.
        frames_per_step: Number of environment steps, over all processes, as which one step here
            counts; None takes `num_envs`.
        num_threads: Number of threads that play.
        disturbs: Whether `infos["disturbs"]` is given, which takes a second step of the rules.
    """

    metadata = SameStepVectorEnv.metadata | {"render_modes": ["rgb_array"], "render_fps": 15}
    render_mode = "rgb_array"
    noop = NOOP
    """The action of doing nothing."""

    def __init__(
        self,
        source: LevelSource,
        num_envs: int,
        *,
        seed: int,
        rules: Rules = "1.0",
        packed: bool = True,
        time_limit: int | None = None,
        stream: Callable[[int | np.random.SeedSequence], Stream] = pcg64_stream,
        min_performance: Schedule = usual_share,
        shaping: Shaping | None = None,
        frames_per_step: int | None = None,
        num_threads: int = 1,
        disturbs: bool = False,
    ) -> None:
        self._rules, self._rules_12 = rules, rules == "1.2"
        self.channels = CHANNELS_12 if self._rules_12 else CHANNELS_10
        """Names of the channels, in their order."""
        self.packed = len(self.channels) if packed else None
        """Number of channels that one word of an observation holds; None: observations are planes.
        """
        super().__init__(num_envs, self._space(), len(ACTIONS))
        self._source, self._stream, self._min_performance = source, stream, min_performance
        self._limit, self._disturbs = time_limit or TIME_LIMITS[rules], disturbs
        self._frames_per_step = frames_per_step or num_envs
        self._games = new_games(num_envs, source.shape)
        self._shaping = shaping or Shaping(num_envs)
        self._greys = Greys()
        self._rewards = np.zeros(num_envs, np.int64)
        self._returns, self._raw_returns = np.zeros(num_envs), np.zeros(num_envs)
        self._level_seeds = np.full(num_envs, -1, np.int64)
        self._pool = ThreadPoolExecutor(num_threads) if num_threads > 1 else None
        edges = np.linspace(0, num_envs, num_threads + 1).astype(int).tolist()
        self._parts = [(first, last) for first, last in pairwise(edges) if first < last]
        self._start_streams(seed)

    def _space(self) -> spaces.Box:
        if self.packed:
            return spaces.Box(0, (1 << self.packed) - 1, (SIDE, SIDE, 1), np.int16)
        return spaces.Box(0, 1, (SIDE, SIDE, len(self.channels)), np.uint8)

    @property
    def games(self) -> Games:
        """The games themselves; their arrays change with every step."""
        return self._games

    def _start_streams(self, seed: int | list[int]) -> None:
        levels, draws = np.random.SeedSequence(seed).spawn(2)
        self._source.reseed(levels)
        for row, child in enumerate(draws.spawn(self.num_envs)):
            self._games.streams[row] = self._stream(child)
        self._frames = 0

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new episodes everywhere.

        Args:
            seed: Seed from which levels, draws and schedules start anew (a list seeds them
                together); None lets them go on.
            options: None; there are none.

        Raises:
            EnvironmentFault: If there are options, or a list of seeds has gaps.
        """
        self._refuse_options(options)
        if seed is not None:
            self._start_streams(whole_seed(seed))
        self._begin(range(self.num_envs))
        self._running = True
        return self.observe(), {}

    def _begin(self, rows: Iterable[int]) -> None:
        share = self._min_performance(self._frames)
        for row in rows:
            level = self._source.draw()
            load(self._games, row, level, rules_12=self._rules_12, min_performance=share)
            if self._rules_12 and level.seed >= 0:
                self._games.streams[row] = self._stream(level.seed)
            self._shaping.begin(row, self._games)
            self._returns[row] = self._raw_returns[row] = 0.0
            self._level_seeds[row] = level.seed

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Act everywhere.

        Args:
            actions: int `[N]` in 0…8; see `actions.ACTIONS`.

        Raises:
            EnvironmentFault: If the actions have a wrong shape, type or value, or `reset` was not
                called yet.
        """
        games = self._games
        twins = copy_games(games) if self._disturbs else None
        views = self._played(self._checked_actions(actions).astype(np.int64))
        infos: dict[str, Any] = {}
        if twins is not None:
            infos["disturbs"] = disturbed(games, twins, self._rules_12)
        self._frames += self._frames_per_step
        self._raw_returns += self._rewards
        in_time = games.length < self._limit
        extra = self._shaping.extra(games, in_time, self._raw_returns, self._frames)
        rewards = self._rewards + extra
        self._returns += rewards
        terminated = games.exited.copy()
        ended = terminated | ~in_time
        if ended.any():
            infos |= self._facts(ended, views)
            rows = np.flatnonzero(ended)
            self._begin(rows.tolist())
            for row in rows:
                _look(games, views, row, row + 1, self._rules_12)
        return self._shown(views), rewards, terminated, ended & ~terminated, infos

    def _played(self, actions: NDArray[np.int64]) -> NDArray[np.int16]:
        """Play a step of all games, and return the views after it."""
        views = np.empty((self.num_envs, SIDE, SIDE, 1), np.int16)

        def part(bounds: tuple[int, int]) -> None:
            play(self._games, actions, self._rewards, *bounds, self._rules_12)
            _look(self._games, views, *bounds, self._rules_12)

        list((self._pool.map if self._pool else map)(part, self._parts))
        return views

    def _facts(self, ended: NDArray[np.bool_], views: NDArray[np.int16]) -> dict[str, Any]:
        games = self._games
        episode = {
            "r": self._returns.copy(),
            "l": games.length.copy(),
            "success": games.exited.copy(),
            "reward": self._raw_returns.copy(),
            "performance": completion(games.completed, games.possible),
            "exited": games.exited.copy(),
            "level_seed": self._level_seeds.copy(),
        }
        boards = {"start_board": games.start.copy(), "final_board": games.board.copy()}
        return ended_infos(ended, episode, self._shown(views.copy())) | boards

    def _shown(self, views: NDArray[np.int16]) -> NDArray[Any]:
        return views if self.packed else planes_of_view(views, len(self.channels))

    def observe(self) -> NDArray[Any]:
        """Return the current observations `[N, 25, 25, 1 or C]`, without stepping."""
        views = np.empty((self.num_envs, SIDE, SIDE, 1), np.int16)
        _look(self._games, views, 0, self.num_envs, self._rules_12)
        return self._shown(views)

    def whole_view(self) -> NDArray[np.uint8]:
        """Return a small grey picture of each whole board, uint8 `[N, H, W]`: a pixel is a cell."""
        return self._greys(self._games.board, self._games.goals)

    def render(self) -> tuple[NDArray[np.uint8], ...]:
        """Return a picture of each board, uint8 `[16 H, 16 W, 3]`."""
        self._require_running()
        games = self._games
        return tuple(map(render, games.board, games.goals, games.agent[:, 2]))

    def get_state(self) -> dict[str, Plain]:
        """Return everything needed to continue; see `envs.StatefulVectorEnv`."""
        self._require_running()
        saved = self._games._asdict()
        return {
            "format": STATE_FORMAT,
            "rules": self._rules,
            "shape": list(self._games.board.shape),
            "games": {n: array.tobytes() for n, array in saved.items() if n not in _DERIVED},
            "levels": self._source.get_state(),
            "shaping": self._shaping.get_state(),
            "returns": self._returns.tolist(),
            "raw_returns": self._raw_returns.tolist(),
            "level_seeds": self._level_seeds.tolist(),
            "frames": self._frames,
        }

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue exactly where `get_state` was called, also in a fresh environment.

        Raises:
            EnvironmentFault: If the state is another environment's, or of other rules, boards or
                levels, or of another number of copies.
        """
        require(
            state.get("format") == STATE_FORMAT and state.get("rules") == self._rules,
            f"not a state of SafeLife with the rules of {self._rules}",
        )
        saved: Any = state
        self._require_copies(saved["shape"][0])
        require(
            tuple(saved["shape"][1:]) == self._source.shape,
            f"the state has boards of {saved['shape'][1:]}, this environment {self._source.shape}",
        )
        self._source.set_state(saved["levels"])
        self._shaping.set_state(saved["shaping"])
        for name, words in saved["games"].items():
            array = getattr(self._games, name)
            array[...] = np.frombuffer(words, array.dtype).reshape(array.shape)
        for row in range(self.num_envs):
            fill_planes(self._games.board[row], self._games.planes[row])
            fill_planes(self._games.goals[row], self._games.goal_planes[row])
        self._returns[:], self._raw_returns[:] = saved["returns"], saved["raw_returns"]
        self._level_seeds[:], self._frames = saved["level_seeds"], saved["frames"]
        self._running = True

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads; called by `close`."""
        if self._pool:
            self._pool.shutdown()


@compiled
def _look(games: Games, views: NDArray[np.int16], first: int, last: int, rules_12: bool) -> None:
    for row in range(first, last):
        look(
            games.board[row],
            games.goals[row],
            games.planes[row],
            games.agent[row],
            rules_12,
            views[row, :, :, 0],
        )
