"""Inputs that a network reads (images, vectors or tokens), and actions that it chooses from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.configs import CheckpointError, ConfigError, one_line

Kind = Literal["images", "packed views", "tokens", "vectors"]


class View(NamedTuple):
    """A named part of a packed observation, which is flattened into a vector with others."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Spaces:
    """The observations that a network reads, and the number of actions that it chooses from.

    A world that shows several things, such as a board and a clock, packs them into one vector. Then
    `views` describes its parts, and `view` reads one of them.

    Raises:
        ValueError: If the shape, the views and `packed` don't fit together.
    """

    obs_shape: tuple[int, ...]
    """Shape of one observation: `[H, W, C]` of an image, `[D]` of a vector or of packed views,
    `[T]` of tokens, where T is the context length."""
    obs_dtype: str
    """NumPy's name of the observations' type, such as `uint8`."""
    obs_high: float
    """Largest value of an observation: 255 for colour images, 1 for symbolic planes."""
    num_actions: int
    """Number of actions; 0 for a corpus, which has none."""
    vocabulary: int | None = None
    """Number of different tokens, which count from 0; None if observations are not tokens."""
    views: tuple[View, ...] = ()
    """Parts of a packed observation, in their order; empty if it has no parts."""
    packed: int = 0
    """Number of channels in each word of an image `[H, W, 1]`, one bit each from the lowest on;
    networks unpack them. 0: words are ordinary numbers."""

    def __post_init__(self) -> None:
        size = sum(math.prod(view.shape) for view in self.views)
        if len(self.obs_shape) not in (1, 3) or (self.views and (size,) != self.obs_shape):
            raise ValueError(f"no model reads observations {self.obs_shape} with {self.views}")
        if self.packed and (len(self.obs_shape) != 3 or self.obs_shape[2] != 1):
            raise ValueError(f"only images [H, W, 1] hold packed channels, not {self.obs_shape}")

    @property
    def kind(self) -> Kind:
        """Kind of the observations."""
        if self.vocabulary is not None:
            return "tokens"
        if self.views:
            return "packed views"
        return "images" if len(self.obs_shape) == 3 else "vectors"

    @property
    def obs_range(self) -> float:
        """Divisor that networks apply to observations: 255 for uint8 colour images, else 1."""
        return 255.0 if self.obs_dtype == "uint8" and self.obs_high == 255 else 1.0

    def image_shape(self, model: str) -> tuple[int, int, int]:
        """Return height, width and channels of an image, for a model that reads images only.

        Packed channels count as unpacked.

        Args:
            model: The model's name, for the message.

        Raises:
            ConfigError: If observations are not images.
        """
        if self.kind != "images":
            raise ConfigError(f"{model} reads images [H, W, C]; the environment has {self.kind}")
        height, width, channels = self.obs_shape
        return height, width, self.packed or channels

    def view(self, obs: torch.Tensor, name: str) -> torch.Tensor:
        """Return a named part `[..., *shape]` of packed observations `[..., D]`, without copying.

        Raises:
            KeyError: If there is no part of that name.
        """
        start = 0
        for view in self.views:
            size = math.prod(view.shape)
            if view.name == name:
                part = obs.narrow(-1, start, size)
                return part.view(*obs.shape[:-1], *view.shape)
            start += size
        raise KeyError(f"no view {name!r}, only {', '.join(view.name for view in self.views)}")

    def example(self, count: int = 1) -> torch.Tensor:
        """Return `count` observations of zeros as networks read them; images are `[B, C, H, W]`."""
        shape = self.obs_shape
        if self.kind == "images":
            shape = (shape[2], *shape[:2])
        dtype = torch.float32 if self.vocabulary is None else torch.int64
        return torch.zeros(count, *shape, dtype=dtype)

    def to_plain(self) -> dict[str, Any]:
        """Return a dict of plain values, which checkpoints store."""
        plain: dict[str, Any] = {
            "obs_shape": list(self.obs_shape),
            "obs_dtype": self.obs_dtype,
            "obs_high": self.obs_high,
            "num_actions": self.num_actions,
        }
        if self.vocabulary is not None:
            plain["vocabulary"] = self.vocabulary
        if self.views:
            plain["views"] = {view.name: list(view.shape) for view in self.views}
        if self.packed:
            plain["packed"] = self.packed
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Spaces:
        """Return the spaces that `to_plain` described.

        Raises:
            CheckpointError: If a field is missing, unknown or of the wrong type.
        """
        try:
            vocabulary = plain.get("vocabulary")
            views = plain.get("views", {}).items()
            found = cls(
                obs_shape=tuple(map(int, plain["obs_shape"])),
                obs_dtype=np.dtype(plain["obs_dtype"]).name,
                obs_high=float(plain["obs_high"]),
                num_actions=int(plain["num_actions"]),
                vocabulary=None if vocabulary is None else int(vocabulary),
                views=tuple(View(str(name), tuple(map(int, shape))) for name, shape in views),
                packed=int(plain.get("packed", 0)),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"not a description of spaces: {plain!r} ({error!r})") from error
        return found


def spaces_of(env: Any) -> Spaces:
    """Read the spaces of a vector environment with discrete actions.

    A `Box` `[H, W, C]` holds images. A `MultiDiscrete` `[T]` from 0 holds tokens, and so does a
    `Box` `[T]` of int32 or int64 from 0. A `Box` `[D]` of any other type holds vectors. The vectors
    are packed views if the environment has an attribute `views`: a `gymnasium.spaces.Dict` of boxes
    which `gymnasium.spaces.flatten_space` turns into the observation space. If an attribute
    `packed` is above 0, each word of an image `[H, W, 1]` holds that many channels.

    Raises:
        ConfigError: If observations are of no such kind or do not fit `views` or `packed`, or if
            actions are not `Discrete` from 0.
    """
    obs, action = env.single_observation_space, env.single_action_space
    if isinstance(obs, spaces.MultiDiscrete):
        known, high = len(obs.shape) == 1 and not obs.start.any(), np.max(obs.nvec) - 1
    else:
        known = isinstance(obs, spaces.Box) and len(obs.shape) in (1, 3)
        high = np.max(obs.high) if known else 0
    if not known:
        raise ConfigError(
            "models need a Box of images [H, W, C], vectors [D] or tokens [T]; the environment has "
            f"{one_line(obs)}"
        )
    if not isinstance(action, spaces.Discrete) or action.start != 0:
        raise ConfigError(
            "models need a Discrete action space from 0, such as Discrete(4); the environment has "
            f"{one_line(action)}"
        )
    views, packed = _views_of(env), getattr(env, "packed", None) or 0
    if packed and not (obs.shape[2:] == (1,) and np.issubdtype(obs.dtype, np.integer)):
        raise ConfigError(
            f"an environment with `packed` = {packed} must show whole numbers [H, W, 1], not "
            f"{one_line(obs)}"
        )
    return Spaces(
        obs_shape=tuple(obs.shape),
        obs_dtype=np.dtype(obs.dtype).name,
        obs_high=float(high),
        num_actions=int(action.n),
        vocabulary=int(high) + 1 if _holds_tokens(obs) and not views else None,
        views=views,
        packed=packed,
    )


def _holds_tokens(obs: spaces.Box | spaces.MultiDiscrete) -> bool:
    if isinstance(obs, spaces.MultiDiscrete):
        return True
    return len(obs.shape) == 1 and obs.dtype in (np.int32, np.int64) and not obs.low.any()


def _views_of(env: Any) -> tuple[View, ...]:
    """Return the parts of a packed observation; empty if the environment has no `views`."""
    views = getattr(env, "views", None)
    if views is None:
        return ()
    parts = views.spaces if isinstance(views, spaces.Dict) else {}
    boxes = {name: part for name, part in parts.items() if isinstance(part, spaces.Box)}
    packed = env.single_observation_space
    if not boxes or len(boxes) < len(parts) or spaces.flatten_space(views) != packed:
        raise ConfigError(
            "an environment's `views` must be a gymnasium.spaces.Dict of boxes, and its "
            f"observations flatten_space(views), not {one_line(packed)}"
        )
    return tuple(View(name, tuple(box.shape)) for name, box in boxes.items())


def as_tensor(values: NDArray[Any] | torch.Tensor) -> torch.Tensor:
    """Return an environment's array or tensor as a tensor, without copying.

    Only a read-only array is copied, because torch cannot share it safely.
    """
    if isinstance(values, torch.Tensor):
        return values
    array = np.asarray(values)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def to_tensor(obs: NDArray[Any] | torch.Tensor) -> torch.Tensor:
    """Return observations with axes in the order that networks read, without copying.

    Images `[..., H, W, C]` become views `[..., C, H, W]`; vectors and tokens `[B, D]` stay. The
    views have the memory layout `channels_last`: making them contiguous would cost a copy and slow
    convolutions down.
    """
    found = as_tensor(obs)
    return found.movedim(-1, -3) if found.ndim > 2 else found
