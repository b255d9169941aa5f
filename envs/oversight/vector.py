"""Diamond and ghost as a Gymnasium vector environment with state."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from chisel.configs.errors import EnvironmentFault
from chisel.envs.actions import checked_actions
from chisel.envs.base import Plain
from chisel.envs.oversight import board

STATE_FORMAT = 1
Seed = int | list[int | None] | None


class Rewards(NamedTuple):
    """What reaching an object pays; the diamond always pays 1, a time-out nothing."""

    ghost: float
    """A ghost on a cell that is not overseen."""
    overseen_ghost: float


class OversightVectorEnv(VectorEnv[NDArray[Any], NDArray[Any], NDArray[Any]]):
    """`num_envs` boards stepped side by side; see `envs.StatefulVectorEnv` for the contract.

    The gridworld of Cloud et al. 2024, section 4.3. An episode ends on the diamond, on the ghost,
    or at the time limit; every end, a time-out too, is `terminated`, as the paper's agents never
    bootstrap. Actions are N, E, S, W; at a wall the agent stays.

    `infos["episode"]` has `r`, `l`, `success` (ended on the diamond), `outcome` (0 time-out,
    1 diamond, 2 ghost) and `overseen` (the cell of the object reached was overseen).

    Args:
        num_envs: Boards side by side.
        rewards: What the ghost pays.
        oversight: Probability of each object's cell being overseen.
        max_steps: Time limit.
        faithful: Behave as the paper's code. There an episode may last one step more than the
            limit, and the observation after an episode's end is its last one, so that the next
            episode's first action is chosen on a board that is gone.
        seed: Seed of everything random.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # Gymnasium and the protocol declare it so
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": [],
    }

    def __init__(
        self,
        num_envs: int,
        *,
        rewards: Rewards,
        oversight: float,
        max_steps: int,
        faithful: bool,
        seed: int,
    ) -> None:
        self.num_envs = num_envs
        self.single_observation_space = spaces.Box(
            0, 1, (board.SIDE, board.SIDE, board.PLANES), np.uint8
        )
        self.single_action_space = spaces.Discrete(len(board.MOVES))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rewards, self._oversight, self._faithful = rewards, oversight, faithful
        self._longest = max_steps + faithful
        self._generator = np.random.default_rng(seed)
        self._boards = np.zeros((num_envs, 5), np.int64)
        self._shown = self._boards
        self._lengths = np.zeros(num_envs, np.int64)
        self._running = False

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new episodes everywhere.

        Args:
            seed: Start the draws anew from this seed (a list seeds them all together); None lets
                them go on.
            options: None; there are none.

        Raises:
            EnvironmentFault: If there are options, or a list of seeds has gaps.
        """
        if options:
            raise EnvironmentFault(f"this board has no reset options, but got {sorted(options)}")
        if seed is not None:
            self._generator = np.random.default_rng(_whole_seed(seed))
        self._begin(np.arange(self.num_envs))
        self._shown = self._boards
        self._running = True
        return self.observe(), {}

    def _begin(self, rows: NDArray[np.int64]) -> None:
        self._boards[rows] = board.draw_boards(len(rows), self._oversight, self._generator)
        self._lengths[rows] = 0

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Move everywhere.

        Args:
            actions: int `[N]` in 0…3.

        Raises:
            EnvironmentFault: If the actions have a wrong shape, type or value, or `reset` was not
                called yet.
        """
        self._require_running()
        boards = self._boards
        moves = checked_actions(actions, self.num_envs, len(board.MOVES))
        at = board.NEXT_CELL[boards[:, board.AGENT], moves]
        boards[:, board.AGENT] = at
        self._lengths += 1
        on_diamond = at == boards[:, board.DIAMOND]
        on_ghost = at == boards[:, board.GHOST]
        ended = on_diamond | on_ghost | (self._lengths >= self._longest)
        ghost_overseen = boards[:, board.GHOST_OVERSEEN] == 1
        rewards = on_diamond.astype(np.float64)
        pay = self._rewards
        rewards += on_ghost * np.where(ghost_overseen, pay.overseen_ghost, pay.ghost)
        infos: dict[str, Any] = {}
        if ended.any():
            infos = self._facts(ended, rewards, on_diamond, on_ghost)
            self._shown = boards.copy() if self._faithful else boards
            self._begin(np.flatnonzero(ended))
        else:
            self._shown = boards
        return self.observe(), rewards, ended, np.zeros(self.num_envs, np.bool_), infos

    def _facts(
        self,
        ended: NDArray[np.bool_],
        rewards: NDArray[np.float64],
        on_diamond: NDArray[np.bool_],
        on_ghost: NDArray[np.bool_],
    ) -> dict[str, Any]:
        overseen = self._boards[:, [board.DIAMOND_OVERSEEN, board.GHOST_OVERSEEN]] == 1
        episode = {
            "r": rewards.copy(),  # only the last step of an episode pays
            "l": self._lengths.copy(),
            "success": on_diamond,
            "outcome": on_diamond * board.REACHED_DIAMOND + on_ghost * board.REACHED_GHOST,
            "overseen": (on_diamond & overseen[:, 0]) | (on_ghost & overseen[:, 1]),
        }
        return {"episode": episode, "_episode": ended.copy()}

    def observe(self) -> NDArray[Any]:
        """The current observations uint8 `[N, 5, 5, 4]`, without stepping."""
        self._require_running()
        return board.planes(self._shown)

    def get_state(self) -> dict[str, Plain]:
        """Everything needed to replay; see `envs.StatefulVectorEnv`."""
        self._require_running()
        return {
            "format": STATE_FORMAT,
            "boards": self._boards.tolist(),
            "shown": self._shown.tolist(),
            "lengths": self._lengths.tolist(),
            # As text: its numbers are wider than checkpoints like.
            "generator": json.dumps(self._generator.bit_generator.state, sort_keys=True),
        }

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue exactly where `get_state` was called, also in a fresh environment.

        Raises:
            EnvironmentFault: If the state is another environment's, or of another number of boards.
        """
        if state.get("format") != STATE_FORMAT or "boards" not in state:
            raise EnvironmentFault("not a state of this environment")
        boards: NDArray[np.int64] = np.array(state["boards"], np.int64)
        if boards.shape != self._boards.shape:
            raise EnvironmentFault(
                f"the state has {len(boards)} boards, this environment {self.num_envs}: "
                "use the env.num_envs (and trainer.devices) that it was saved with"
            )
        self._boards = boards
        self._shown = np.array(state["shown"], np.int64) if self._faithful else boards
        self._lengths = np.array(state["lengths"], np.int64)
        self._generator.bit_generator.state = json.loads(str(state["generator"]))
        self._running = True

    def _require_running(self) -> None:
        if not self._running:
            raise EnvironmentFault("call reset() (or set_state) before anything else")


def _whole_seed(seed: int | list[int | None]) -> int | list[int]:
    if not isinstance(seed, list):
        return int(seed)
    whole = [value for value in seed if value is not None]
    if len(whole) != len(seed) or not whole:
        raise EnvironmentFault("a list of seeds must have a number for every board")
    return whole
