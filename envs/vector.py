"""The parts that the vector environments of this project share."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeVar, cast

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from chisel.configs import check_env
from chisel.configs.errors import EnvironmentFault
from chisel.envs.declarations import require

Seed = int | list[int | None] | None
"""The seed of `reset`: one number, one for each copy, or None to let the draws go on."""

_Config = TypeVar("_Config")


class SameStepVectorEnv(VectorEnv[NDArray[Any], NDArray[Any], NDArray[Any]]):
    """A vector environment in SAME_STEP autoreset; refuses what an environment cannot do.

    Args:
        num_envs: Number of copies stepped side by side.
        observation: Space of one copy's observation `[H, W, C]`.
        num_actions: Number of actions, which are numbered from 0.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # Gymnasium and the protocol declare it so
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": [],
    }

    def __init__(self, num_envs: int, observation: spaces.Space[Any], num_actions: int) -> None:
        self.num_envs = num_envs
        self.single_observation_space = observation
        self.single_action_space = spaces.Discrete(num_actions)
        self.observation_space = batch_space(observation, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._num_actions = num_actions
        self._running = False

    def _require_running(self) -> None:
        require(self._running, "call reset() (or set_state) before anything else")

    def _refuse_options(self, options: dict[str, Any] | None) -> None:
        require(
            not options, f"this environment has no reset options, but got {sorted(options or ())}"
        )

    def _require_copies(self, count: int) -> None:
        """Refuse a saved state of another number of copies."""
        require(
            count == self.num_envs,
            f"the state has {count} copies, this environment {self.num_envs}: "
            "use the env.num_envs (and trainer.devices) that it was saved with",
        )

    def _checked_actions(self, actions: Any) -> NDArray[np.integer[Any]]:
        """Return the actions as an array `[N]` of whole numbers from 0 to `num_actions - 1`.

        Raises:
            EnvironmentFault: If they have a wrong shape, type or value, or nothing was reset yet.
        """
        self._require_running()
        array = np.asarray(actions)
        if array.shape != (self.num_envs,) or array.dtype.kind not in "iu":
            raise EnvironmentFault(
                f"actions must be {self.num_envs} whole numbers, "
                f"but got {array.dtype} of shape {array.shape}"
            )
        if array.min() < 0 or array.max() >= self._num_actions:
            wrong = array[(array < 0) | (array >= self._num_actions)][0]
            raise EnvironmentFault(
                f"action {wrong} does not exist: actions are 0…{self._num_actions - 1}"
            )
        return array


def ended_infos(
    ended: NDArray[np.bool_], episode: dict[str, NDArray[Any]], last: NDArray[Any]
) -> dict[str, Any]:
    """Return the infos of a step in which episodes ended; rows are valid where they did.

    Args:
        ended: Whether the episode of each copy ended, bool `[N]`.
        episode: Facts about these episodes, by name, `[N, ...]`.
        last: Their last observations `[N, ...]`.
    """
    marks = {"_episode": ended.copy(), "_final_obs": ended.copy()}
    return {"episode": episode, "final_obs": last, **marks}


def with_num_envs(config: _Config, num_envs: int | None) -> _Config:
    """Return a config that was checked, with another number of copies if `num_envs` is given.

    The command line checks its configs earlier; this check is for configs made in Python.

    Raises:
        ConfigError: If an option is impossible or options do not go together.
    """
    sized: Any = config
    if num_envs is not None:
        sized = dataclasses.replace(sized, num_envs=num_envs)
    check_env(sized)
    return cast(_Config, sized)


def whole_seed(seed: int | list[int | None]) -> int | list[int]:
    """Return a seed that numpy's generators take.

    Raises:
        EnvironmentFault: If a list of seeds is empty or has gaps.
    """
    if not isinstance(seed, list):
        return int(seed)
    whole = [value for value in seed if value is not None]
    require(whole and len(whole) == len(seed), "a list of seeds must have a number for every copy")
    return whole


def generator_state(generator: np.random.Generator) -> str:
    """Return a generator's state as text: checkpoints hold no integers as wide as its own."""
    return json.dumps(generator.bit_generator.state, sort_keys=True)


def set_generator_state(generator: np.random.Generator, state: str) -> None:
    """Continue a generator from `generator_state`."""
    generator.bit_generator.state = json.loads(state)
