"""procgen's maze as a Gymnasium vector environment with state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.base import Plain
from chisel.envs.declarations import require
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.engine import Engine
from chisel.envs.maze.episodes import EpisodeFacts
from chisel.envs.maze.goals import REACHED_CHEESE, REACHED_CORNER, REWARD, require_kind
from chisel.envs.maze.level_sampling import LevelSampler
from chisel.envs.maze.pictures import render
from chisel.envs.maze.rules import MAX_SEED, NUM_ACTIONS
from chisel.envs.maze.state import MazeState
from chisel.envs.maze.views import View
from chisel.envs.vector import SameStepVectorEnv, Seed, whole_seed

STATE_FORMAT = 2
FRAME = 256
"""Side of a film's frames in pixels."""


class MazeVectorEnv(SameStepVectorEnv):
    """`num_envs` mazes stepped side by side; see `envs.StatefulVectorEnv` for the contract.

    procgen resets inside the step and gives no last observation. So every end of an episode is
    `terminated`, even a time-out, and must not be bootstrapped from.

    `infos["episode"]` has `r`, `l`, `outcome` (0 nothing, 1 the cheese, 2 the corner), `success`
    (whether a goal was reached), `level_seed`, `level_index` (-1 if the level is of no level
    set), `size` (side of the inner maze), `cheese` (`[N, 2]` row and column in the inner maze, -1
    if none), `in_region` (whether it lies in the top-right region), `cheese_path` and `corner_path`
    (steps from the start to the cheese and to the top-right corner, -1 if there is no path),
    `shortest_path` (steps to the nearest goal, -1 if there is none) and `decision` (whether
    neither the cheese nor the corner lies on the path to the other).

    Args:
        make_engine: Makes the games from a seed.
        make_view: Makes the view of the games.
        level_sampler: Chooses the level of each episode.
        seed: Seed of everything random.
        region: Side of the top-right region of the fact `in_region`.
        corner_ends: Whether the top-right corner ends episodes with a reward too. The levels must
            then come from a level set, because procgen loads no next level when it did not end the
            episode itself.
    """

    metadata = SameStepVectorEnv.metadata | {"render_modes": ["rgb_array"], "render_fps": 15}
    render_mode = "rgb_array"

    def __init__(
        self,
        make_engine: Callable[[int], Engine],
        make_view: Callable[[Engine], View],
        level_sampler: LevelSampler,
        *,
        seed: int,
        region: int,
        corner_ends: bool = False,
    ) -> None:
        self._region, self._corner_ends = region, corner_ends
        self._make_engine = make_engine
        self._make_view = make_view
        self._level_sampler = level_sampler
        self._start_games(seed)
        super().__init__(self._engine.num, self._view.space, NUM_ACTIONS)

    def _start_games(self, seed: int | list[int]) -> None:
        games, draws = np.random.SeedSequence(seed).spawn(2)
        self._engine = self._make_engine(int(np.random.default_rng(games).integers(MAX_SEED)))
        self._view = self._make_view(self._engine)
        num = self._engine.num
        self._facts = EpisodeFacts(num, region=self._region, corner_ends=self._corner_ends)
        self._level_sampler.reseed(draws)
        self._fresh = True

    @property
    def boards(self) -> Boards:
        """The current levels and mice; the environment's own arrays."""
        return self._engine.boards

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new episodes everywhere.

        Args:
            seed: Seed from which all random streams start anew (a list seeds them together); None
                lets them go on. The level set stays the one that the environment was made with. If
                each level is played once, the first one is next.
            options: None; there are none.

        Returns:
            Observations `[N, H, W, C]` and empty infos.

        Raises:
            EnvironmentFault: If there are options, or a list of seeds has gaps.
        """
        self._refuse_options(options)
        if seed is not None:
            fresh_seed = whole_seed(seed)
            self._engine.close()
            self._start_games(fresh_seed)
        elif not self._fresh:
            self._engine.restart()
        self._fresh = False
        self._running = True
        self._level_sampler.rewind()
        self._begin(np.arange(self.num_envs))
        return self._view.read(), {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Act in every maze.

        Args:
            actions: int `[N]` in 0…14.

        Returns:
            Observations `[N, H, W, C]`, rewards float64 `[N]`, terminated and truncated bool `[N]`,
            infos.

        Raises:
            EnvironmentFault: If the actions have a wrong shape, type or value, or `reset` was not
                called yet.
        """
        # procgen would take -1 as an order to reset, and larger numbers as moves of its own.
        checked = self._checked_actions(actions)
        self._engine.step(checked)
        rewards = self._engine.rewards.astype(np.float64)
        ended = self._engine.first.copy()
        outcome = self._engine.completed.astype(np.int64) * REACHED_CHEESE
        if self._corner_ends:
            reached = self.boards.in_corner(self.boards.mice)
            rewards[reached] = REWARD
            ended |= reached
            outcome[reached] = REACHED_CORNER
        self._facts.add_step(rewards)
        self._view.move(self.boards)
        infos: dict[str, Any] = {}
        rows = ended.nonzero()[0]
        if len(rows):
            infos = self._facts.infos(ended, outcome)
            self._begin(rows)
        return self._view.read(), rewards, ended, np.zeros(self.num_envs, np.bool_), infos

    def _begin(self, rows: NDArray[np.intp]) -> None:
        level_indices = self._level_sampler.draw(rows, self._engine)
        self._facts.begin(rows, self.boards, level_indices)
        self._view.begin(rows, self.boards)

    def observe(self) -> NDArray[Any]:
        """Return the current observations `[N, H, W, C]`, without stepping."""
        self._require_running()
        return self._view.read()

    def render(self) -> tuple[NDArray[np.uint8], ...]:
        """Draw each maze for people, uint8 `[256, 256, 3]`, whatever the agent sees."""
        return tuple(render(state, FRAME) for state in self.maze_states())

    def maze_states(self) -> list[MazeState]:
        """Return a copy of every game's state."""
        self._require_running()
        return [MazeState(self._engine.read(row)) for row in range(self.num_envs)]

    def get_state(self) -> dict[str, Plain]:
        """Return everything needed to continue; see `envs.StatefulVectorEnv`."""
        self._require_running()
        return {
            "format": STATE_FORMAT,
            "corner_ends": self._corner_ends,
            "games": [bytes(self._engine.read(row)) for row in range(self.num_envs)],
            "episodes": dict(self._facts.get_state()),
            "level_sampler": self._level_sampler.get_state(),
        }

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue exactly where `get_state` was called, also in a fresh environment.

        Raises:
            EnvironmentFault: If the state is damaged, or was saved with another number of mazes,
                another mode or other levels. The environment has not changed then.
        """
        games = self._checked_games(state)
        self._level_sampler.set_state(_part(state, "level_sampler"))
        self._facts.set_state(_part(state, "episodes"))
        for row, game in enumerate(games):
            self._engine.write(row, game.buffer)
        self._view.begin(np.arange(self.num_envs), self.boards)
        self._running, self._fresh = True, False

    def _checked_games(self, state: dict[str, Plain]) -> list[MazeState]:
        require_kind(state, STATE_FORMAT, corner_ends=self._corner_ends)
        blobs: Any = state.get("games")
        require(isinstance(blobs, list), "the state holds no games: it is another environment's")
        self._require_copies(len(blobs))
        games = [MazeState(blob) for blob in blobs]
        for game in games:
            require(
                game.look == self._engine.look,
                f"the state was saved with {game.look}, this environment has {self._engine.look}",
            )
        return games

    def close_extras(self, **kwargs: Any) -> None:
        """Free the games; called by `close`."""
        self._engine.close()


def _part(state: dict[str, Plain], name: str) -> dict[str, Any]:
    part: Any = state.get(name)
    require(isinstance(part, dict), f"the state has no {name!r}: it is another environment's")
    return dict(part)
