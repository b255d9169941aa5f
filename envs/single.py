"""Copies of an ordinary Gymnasium environment, stepped one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.envs.base import Plain
from chisel.envs.declarations import require
from chisel.envs.vector import (
    SameStepVectorEnv,
    Seed,
    ended_infos,
    generator_state,
    set_generator_state,
    whole_seed,
)


class SingleEnv(Protocol):
    """A `gymnasium.Env` without wrappers that also has `get_state` and `set_state`.

    All its random draws come from `np_random`. The infos of an episode's last step are the facts
    about this episode, under the same keys in each; `success` must be one of them. If `SingleEnvs`
    has `max_steps`, any step can be the last one, so every step must return them.
    """

    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    np_random: np.random.Generator

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode; return its first observation and infos."""

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act; return observation, reward, terminated, truncated and infos."""

    def get_state(self) -> dict[str, Plain]:
        """Return everything that steps depend on, apart from `np_random`."""

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue where `get_state` was called."""

    def close(self) -> None:
        """Free the resources of the environment."""


class SingleEnvs(SameStepVectorEnv):
    """A vector environment of copies of an ordinary Gymnasium environment.

    It starts the next episode in the step that ends one, adds up rewards and steps, and saves the
    states of the copies and of their generators. The copies take turns in one thread.

    Args:
        make: Function that makes one copy, such as the class itself.
        num_envs: Number of copies.
        seed: Seed of the first `reset`, from which each copy gets a seed of its own.
        max_steps: Steps after which an episode is truncated. A copy does not know this limit, so it
            must return the facts in every step. `None`: the copies end their episodes themselves.

    Raises:
        EnvironmentFault: If a copy is wrapped, lacks a method, or reports no `success`.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        num_envs: int,
        seed: int,
        *,
        max_steps: int | None = None,
    ) -> None:
        self._envs: list[SingleEnv] = [make() for _ in range(num_envs)]
        first: Any = self._envs[0]
        require(
            getattr(first, "unwrapped", first) is first,
            f"{type(first).__name__} wraps an environment and may have a state of its own: give "
            "the environment inside (max_steps=N replaces TimeLimit)",
        )
        for name in ("get_state", "set_state"):
            require(hasattr(first, name), f"{type(first).__name__} has no `{name}`: add it")
        actions = first.action_space
        require(
            isinstance(actions, spaces.Discrete) and actions.start == 0,
            f"actions must be Discrete from 0, such as Discrete(4), not {actions}",
        )
        super().__init__(num_envs, first.observation_space, int(actions.n))
        self._seed: Seed = seed
        self._max_steps = max_steps
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self._shown: list[Any] = []

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start an episode in each copy; without a seed the draws go on."""
        self._refuse_options(options)
        first, self._seed = self._seed if seed is None else seed, None
        self._shown = [
            env.reset(seed=number)[0]
            for env, number in zip(self._envs, self._seeds(first), strict=True)
        ]
        self._returns[:], self._lengths[:] = 0, 0
        self._running = True
        return self.observe(), {}

    def _seeds(self, seed: Seed) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        whole = whole_seed(seed)
        if isinstance(whole, int):
            return cast(
                list[int | None],
                np.random.default_rng(whole).integers(2**31, size=self.num_envs).tolist(),
            )
        require(len(whole) == self.num_envs, f"give {self.num_envs} seeds, not {len(whole)}")
        return list(whole)

    def observe(self) -> NDArray[Any]:
        """Return the current observations `[N, ...]`."""
        self._require_running()
        return np.stack(self._shown)

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Act in every copy, `[N]`; see `StatefulVectorEnv`."""
        checked = self._checked_actions(actions)
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), bool)
        told: list[dict[str, Any]] = []
        for row, (env, action) in enumerate(zip(self._envs, checked.tolist(), strict=True)):
            shown, rewards[row], terminated[row], truncated[row], info = env.step(action)
            self._shown[row] = shown
            told.append(info)
        self._returns += rewards
        self._lengths += 1
        truncated |= self._max_steps is not None and self._lengths >= self._max_steps
        truncated &= ~terminated
        ended = terminated | truncated
        infos = self._end(ended, told) if ended.any() else {}
        return self.observe(), rewards, terminated, truncated, infos

    def _end(self, ended: NDArray[np.bool_], told: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the facts of the ended episodes, and start the next ones."""
        rows = np.flatnonzero(ended)
        names = told[rows[0]].keys()
        everywhere = "return the same facts in every step; max_steps can end an episode at any"
        require(
            "success" in names,
            f"the infos of an episode's last step have no 'success': {everywhere}",
        )
        for row in rows:
            require(
                told[row].keys() == names,
                f"the last steps of episodes have the infos {sorted(names)} and "
                f"{sorted(told[row])}: {everywhere}",
            )
        facts = {"r": self._returns.copy(), "l": self._lengths.copy()}
        for name in names:
            values = np.asarray([told[row][name] for row in rows])
            facts[name] = np.zeros((self.num_envs, *values.shape[1:]), values.dtype)
            facts[name][rows] = values
        last = self.observe()
        for row in rows:
            self._shown[row] = self._envs[row].reset()[0]
        self._returns[rows], self._lengths[rows] = 0, 0
        return ended_infos(ended, facts, last)

    def get_state(self) -> dict[str, Plain]:
        """Return the states of the copies, of their generators and of their episodes."""
        self._require_running()
        return {
            "envs": [env.get_state() for env in self._envs],
            "generators": [generator_state(env.np_random) for env in self._envs],
            "observations": [np.asarray(shown).tolist() for shown in self._shown],
            "returns": self._returns.tolist(),
            "lengths": self._lengths.tolist(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `get_state` was called."""
        self._require_copies(len(state["envs"]))
        for env, saved, drawn in zip(self._envs, state["envs"], state["generators"], strict=True):
            env.set_state(saved)
            set_generator_state(env.np_random, drawn)
        dtype = self.single_observation_space.dtype
        self._shown = [np.asarray(shown, dtype) for shown in state["observations"]]
        self._returns = np.array(state["returns"], np.float64)
        self._lengths = np.array(state["lengths"], np.int64)
        self._running = True

    def close_extras(self, **kwargs: Any) -> None:
        """Close the copies."""
        for env in self._envs:
            env.close()
