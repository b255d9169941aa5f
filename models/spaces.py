"""Properties of an environment that a network depends on: observations and actions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.configs import CheckpointError, ConfigError


@dataclass(frozen=True)
class Spaces:
    """Image observations `[H, W, C]` in, one of `num_actions` discrete actions out."""

    obs_shape: tuple[int, int, int]
    """Height, width, channels of one observation."""
    obs_dtype: str
    """numpy name of the observations' type, such as `uint8`."""
    obs_high: float
    """Largest value of an observation; 255 for colour images, 1 for symbolic planes."""
    num_actions: int
    """0 for a data set, which has none."""

    @property
    def obs_range(self) -> float:
        """Divisor of observations in the network: 255 for uint8 colour images, else 1."""
        return 255.0 if self.obs_dtype == "uint8" and self.obs_high == 255 else 1.0

    def to_plain(self) -> dict[str, Any]:
        """Return a dict of plain values, as stored in checkpoints."""
        return asdict(self) | {"obs_shape": list(self.obs_shape)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Spaces:
        """Make spaces from the result of `to_plain`.

        Raises:
            CheckpointError: If a field is missing, unknown or of the wrong type.
        """
        try:
            height, width, channels = plain["obs_shape"]
            return cls(
                obs_shape=(int(height), int(width), int(channels)),
                obs_dtype=np.dtype(plain["obs_dtype"]).name,
                obs_high=float(plain["obs_high"]),
                num_actions=int(plain["num_actions"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"not a description of spaces: {plain!r} ({error!r})") from error


def spaces_of(env: Any) -> Spaces:
    """Read the spaces of a vector environment with image observations and discrete actions.

    Raises:
        ConfigError: If its observations are not `[H, W, C]` boxes, or its actions not numbered
            from 0.
    """
    obs, action = env.single_observation_space, env.single_action_space
    found = [" ".join(str(space).split()) for space in (obs, action)]
    if not isinstance(obs, spaces.Box) or len(obs.shape) != 3:
        raise ConfigError(
            f"models need a Box of observations [H, W, C]; the environment has {found[0]}"
        )
    if not isinstance(action, spaces.Discrete) or action.start != 0:
        raise ConfigError(
            "models need a Discrete action space from 0, such as Discrete(4); the environment has "
            f"{found[1]}"
        )
    height, width, channels = obs.shape
    return Spaces(
        obs_shape=(height, width, channels),
        obs_dtype=np.dtype(obs.dtype).name,
        obs_high=float(np.max(obs.high)),
        num_actions=int(action.n),
    )


def to_tensor(obs: NDArray[Any]) -> torch.Tensor:
    """View observations `[..., H, W, C]` as a tensor `[..., C, H, W]` without copying.

    The view has the memory layout `channels_last`; making it contiguous would cost a copy and slow
    convolutions down. A read-only array is copied, because torch cannot share one safely.
    """
    writable = obs if obs.flags.writeable else obs.copy()
    return torch.from_numpy(writable).movedim(-1, -3)
