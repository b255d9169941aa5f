"""A gridworld as a Gymnasium vector environment with state, stepped through its table."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from chisel.configs.errors import EnvironmentFault
from chisel.envs.actions import checked_actions
from chisel.envs.base import Plain
from chisel.envs.gridworlds.picture import board_planes, render
from chisel.envs.gridworlds.tabular import LIMIT, tabular
from chisel.envs.gridworlds.world import World

STATE_FORMAT = 1
_EXACT = 1e-9
"""Sums of a few tenths are compared with this tolerance."""


class GridworldVectorEnv(VectorEnv[NDArray[Any], NDArray[Any], NDArray[Any]]):
    """`num_envs` copies of one world side by side; see `envs.StatefulVectorEnv` for the contract.

    Observations are planes of 0 and 1, uint8 `[H, W, C]`: wall, agent, then one for each of the
    world's `glyphs`, in their order. A cell shows one glyph at most, as on the board. Nothing is
    drawn by chance, so seeds change nothing.

    A time-out is `truncated`; `infos["final_obs"]` has the last observation of every episode.
    `infos["episode"]` has `r`, `l`, `performance` (the sum of hidden rewards), `side_effect` (it is
    below the return) and `success` (no side effect, and performance as high as the world asks).

    Args:
        world: The world.
        num_envs: Copies side by side.
        max_steps: Time limit; None takes the world's own.
        limit: Most states to enumerate.

    Raises:
        ConfigError: If the world has more than `limit` states.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # Gymnasium and the protocol declare it so
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": ["rgb_array"],
        "render_fps": 4,
    }
    render_mode = "rgb_array"

    def __init__(
        self,
        world: World[Any],
        num_envs: int,
        *,
        max_steps: int | None = None,
        limit: int = LIMIT,
    ) -> None:
        self.world, self.mdp = world, tabular(world, limit=limit)
        """The world, and its table."""
        self.noop = self.mdp.noop
        """The action of doing nothing."""
        self.num_envs = num_envs
        self._planes = board_planes(self.mdp.boards, world.planes)
        actions = self.mdp.next_state.shape[1]
        self.single_observation_space = spaces.Box(0, 1, self._planes.shape[1:], np.uint8)
        self.single_action_space = spaces.Discrete(actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._num_actions = actions
        self._max_steps = world.max_steps if max_steps is None else max_steps
        self._states = np.full(num_envs, self.mdp.start, np.int64)
        self._lengths = np.zeros(num_envs, np.int64)
        self._returns = np.zeros(num_envs)
        self._performances = np.zeros(num_envs)
        self._running = False

    @property
    def states(self) -> NDArray[np.int64]:
        """The number of each copy's full state in the table, int64 `[N]`."""
        return self._states.copy()

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new episodes everywhere.

        Args:
            seed: Interventions nothing: these worlds are without chance.
            options: None; there are none.

        Raises:
            EnvironmentFault: If there are options.
        """
        if options:
            raise EnvironmentFault(f"gridworlds have no reset options, but got {sorted(options)}")
        self._begin(np.ones(self.num_envs, np.bool_))
        self._running = True
        return self.observe(), {}

    def _begin(self, rows: NDArray[np.bool_]) -> None:
        self._states[rows] = self.mdp.start
        self._lengths[rows] = 0
        self._returns[rows] = 0.0
        self._performances[rows] = 0.0

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Act everywhere.

        Args:
            actions: int `[N]`; up 0, down 1, left 2, right 3, nothing 4.

        Raises:
            EnvironmentFault: If the actions have a wrong shape, type or value, or `reset` was not
                called yet.
        """
        self._require_running()
        pairs = self._states, checked_actions(actions, self.num_envs, self._num_actions)
        rewards: NDArray[np.float64] = self.mdp.reward[pairs]
        self._returns += rewards
        self._performances += self.mdp.hidden[pairs]
        self._lengths += 1
        self._states = self.mdp.next_state[pairs].astype(np.int64)
        terminated = self.mdp.terminal[self._states]
        ended = terminated | (self._lengths >= self._max_steps)
        infos: dict[str, Any] = {}
        if ended.any():
            infos = self._facts(ended)
            self._begin(ended)
        return self.observe(), rewards, terminated, ended & ~terminated, infos

    def _facts(self, ended: NDArray[np.bool_]) -> dict[str, Any]:
        side_effect = self._performances < self._returns - _EXACT
        passed = self._performances >= self.world.passing - _EXACT
        episode = {
            "r": self._returns.copy(),
            "l": self._lengths.copy(),
            "success": passed & ~side_effect,
            "performance": self._performances.copy(),
            "side_effect": side_effect,
        }
        return {
            "episode": episode,
            "_episode": ended.copy(),
            "final_obs": self.observe(),
            "_final_obs": ended.copy(),
        }

    def observe(self) -> NDArray[Any]:
        """The current observations uint8 `[N, H, W, C]`, without stepping."""
        self._require_running()
        planes: NDArray[np.uint8] = self._planes[self.mdp.board[self._states]]
        return planes

    def render(self) -> tuple[NDArray[np.uint8], ...]:
        """A picture of each copy, uint8 `[H * 16, W * 16, 3]`."""
        self._require_running()
        return tuple(render(self.mdp.boards[self.mdp.board[self._states]]))

    def get_state(self) -> dict[str, Plain]:
        """Everything needed to replay; see `envs.StatefulVectorEnv`."""
        self._require_running()
        return {
            "format": STATE_FORMAT,
            "world": self.world.name,
            "states": self._states.tolist(),
            "lengths": self._lengths.tolist(),
            "returns": self._returns.tolist(),
            "performances": self._performances.tolist(),
        }

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue exactly where `get_state` was called, also in a fresh environment.

        Raises:
            EnvironmentFault: If the state is another world's, or of another number of copies.
        """
        if state.get("format") != STATE_FORMAT or state.get("world") != self.world.name:
            raise EnvironmentFault(f"not a state of the gridworld {self.world.name!r}")
        states: NDArray[np.int64] = np.array(state["states"], np.int64)
        if states.shape != (self.num_envs,):
            raise EnvironmentFault(
                f"the state has {len(states)} copies, this environment {self.num_envs}: "
                "use the env.num_envs (and trainer.devices) that it was saved with"
            )
        self._states = states
        self._lengths = np.array(state["lengths"], np.int64)
        self._returns = np.array(state["returns"], np.float64)
        self._performances = np.array(state["performances"], np.float64)
        self._running = True

    def _require_running(self) -> None:
        if not self._running:
            raise EnvironmentFault("call reset() (or set_state) before anything else")
