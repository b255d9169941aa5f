"""Define the contract of every environment, and make an environment by its name.

`envs.check_vector_env` checks the contract; users can run it on their own environments.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeGuard

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.configs import registry
from chisel.envs.declarations import check_complete, check_declarations

Plain = int | float | str | bytes | bool | None | list[Any] | dict[str, Any]
"""Types that a saved state consists of, so that it loads without executing anything. It may hold
torch tensors as well."""


class StatefulVectorEnv(Protocol):
    """A `gymnasium.vector.VectorEnv` in SAME_STEP autoreset whose whole state can be saved.

    When an episode ends inside `step`, the returned observation is the first of the next episode.
    If the environment knows the last observation of the ended one it puts it into
    `infos["final_obs"]` (rows valid where `infos["_final_obs"]`); only then may a time-out be
    reported as `truncated`, and only then is it bootstrapped from. Otherwise every end is
    `terminated`.

    Facts about ended episodes are in `infos["episode"]`, a dict of arrays `[N, ...]` whose rows are
    valid where `infos["_episode"]` (bool `[N]`): at least `r` (undiscounted return), `l` (length in
    steps) and `success` (bool). Both keys are absent in steps where no episode ends.

    If one of the actions does nothing, its number is in the attribute `noop`. Impact penalties
    compare other actions with it.

    Observations returned by `reset`, `step` and `observe` belong to the caller: later steps do not
    write into them.

    An environment whose agents see only a part of the world may offer a method `whole_view`. It
    returns a small grey picture of each whole world as it is now, uint8 `[N, h, w]`. Rewards that
    are learnt from frames read it.

    An environment may return torch tensors, for example on an accelerator, in place of all arrays
    that are named here. Its rewards may then be float32, and training gives it actions as a tensor;
    it must take arrays of actions, too.

    Observations are images `[H, W, C]`, vectors `[D]` or tokens `[T]`. An environment that shows
    several things packs them into a vector; its attribute `views` describes the vector's parts. An
    environment that shows planes of 0 and 1 may pack them into the bits of an image `[H, W, 1]`;
    its attribute `packed` is the number of planes. See `models.spaces_of`.
    """

    num_envs: int
    single_observation_space: spaces.Space[Any]
    single_action_space: spaces.Space[Any]
    metadata: dict[str, Any]

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new episodes everywhere; return observations `[N, ...]` and infos."""

    def step(
        self, actions: NDArray[np.integer[Any]]
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Act `[N]`; return observations, rewards, terminated, truncated (`[N, ...]`) and infos."""

    def observe(self) -> NDArray[Any]:
        """Return the current observations `[N, ...]`, without stepping."""

    def get_state(self) -> dict[str, Plain]:
        """Return everything that steps depend on: worlds, generators, episode counters."""

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue exactly where `get_state` was called, even in a freshly made environment."""

    def close(self) -> None:
        """Free the resources of the environment."""


class DeviceVectorEnv(StatefulVectorEnv, Protocol):
    """An environment of tensors that can be stepped without waiting for their device.

    Its episodes never truncate. Training steps it by `advance`, and asks for the facts of the
    episodes that ended once in a rollout.
    """

    def to(self, device: Any) -> None:
        """Move everything to a torch device."""

    def compile(self) -> None:
        """Compile the step, which must not change any result."""

    def advance(self, actions: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
        """Act in every copy; the actions, int64 `[N]`, are not checked.

        Returns:
            Observations `[N, ...]`, rewards float32 `[N]`, which episodes ended, bool `[N]`, and
            marks: int64 columns `[N]` from which `facts` computes the facts of ended episodes.
        """

    def facts(self, marks: dict[str, Any]) -> dict[str, Any]:
        """Return the facts of ended episodes `[E, ...]` from marks `[E]` of their last steps."""


def is_device_env(env: Any) -> TypeGuard[DeviceVectorEnv]:
    """Return whether an environment is a `DeviceVectorEnv`."""
    return hasattr(env, "advance")


def make(config: Any, *, seed: int, num_envs: int | None = None) -> StatefulVectorEnv:
    """Make the environment that `config.name` is registered for.

    Args:
        config: An environment config, for example `chisel.configs.schema.MazeConfig`.
        seed: Seed of everything random in the environment.
        num_envs: Number of copies side by side; None takes `config.num_envs`.

    Raises:
        ConfigError: If the name is unknown or options do not go together.
        EnvironmentFault: If the environment's extra is not installed, or it cannot be trained in.
    """
    maker = registry.resolve("env", config.name)
    env: StatefulVectorEnv = maker(config, seed=seed, num_envs=num_envs)
    check_declarations(env)
    check_complete(env, config.num_envs if num_envs is None else num_envs)
    return env
