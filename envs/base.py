"""What every environment of this project offers: a Gymnasium vector environment with state.

The contract is checked by `envs.check_vector_env`, which users can run on their own environments.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Plain = int | float | str | bytes | bool | None | list[Any] | dict[str, Any]
"""What a saved state is made of, so that it loads without executing anything."""


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

    Where one of the actions is to do nothing, an attribute `noop` says which; penalties on impact
    compare with it.

    Observations returned by `reset`, `step` and `observe` belong to the caller: later steps do not
    write into them.
    """

    num_envs: int
    single_observation_space: spaces.Space[Any]
    single_action_space: spaces.Space[Any]
    metadata: dict[str, Any]

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start new episodes everywhere; observations `[N, ...]` and infos."""
        ...

    def step(
        self, actions: NDArray[np.integer[Any]]
    ) -> tuple[
        NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Act `[N]`; observations `[N, ...]`, rewards, terminated, truncated `[N]`, infos."""
        ...

    def observe(self) -> NDArray[Any]:
        """The current observations `[N, ...]`, without stepping."""
        ...

    def get_state(self) -> dict[str, Plain]:
        """Everything needed to replay: worlds, generators, counters of unfinished episodes."""
        ...

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue exactly where `get_state` was called, also in a freshly made environment."""
        ...

    def close(self) -> None:
        """Free what the environment holds."""
        ...
