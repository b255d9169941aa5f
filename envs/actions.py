"""The check that every environment makes of the actions it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import EnvironmentFault


def checked_actions(actions: Any, num_envs: int, num_actions: int) -> NDArray[np.integer[Any]]:
    """The actions as an array `[N]` of whole numbers from 0 to `num_actions - 1`.

    Raises:
        EnvironmentFault: If they have a wrong shape, type or value.
    """
    array = np.asarray(actions)
    if array.shape != (num_envs,) or array.dtype.kind not in "iu":
        raise EnvironmentFault(
            f"actions must be {num_envs} whole numbers, "
            f"but got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= num_actions:
        wrong = array[(array < 0) | (array >= num_actions)][0]
        raise EnvironmentFault(f"action {wrong} does not exist: actions are 0…{num_actions - 1}")
    return array
