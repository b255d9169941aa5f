"""Load the weights that Langosco et al. 2022 (train-procgen-pytorch) published for mazes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from chisel.configs import CheckpointError, ImpalaConfig
from chisel.models.build import build
from chisel.models.loaded import Agent
from chisel.models.serialize import load_plain, read_bytes
from chisel.models.spaces import Spaces
from chisel.models.weights import load_weights

_SIDE = 64
"""Side of procgen's images in pixels."""
_MEMORY = "gru."
"""Prefix of keys that only recurrent networks have."""


def load_published(path: Path | str) -> Agent:
    """Load a published `.pth` file: `{'model_state_dict': …, 'optimizer_state_dict': …}`.

    The file holds no config, so the sizes are read off the weights; observations are procgen's
    64 × 64 colour images. Nothing in the file is executed.

    Raises:
        CheckpointError: If the file is missing, unsafe or holds other weights. The message has at
            most ten lines.
    """
    path = Path(path)
    data = read_bytes(path)
    payload = load_plain(data, path)
    state = payload.get("model_state_dict")
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"{path} is not a published checkpoint: it has no model_state_dict, only "
            f"{', '.join(map(repr, list(payload)[:6])) or 'nothing'}"
        )
    weights = {str(k): v for k, v in state.items() if isinstance(v, torch.Tensor)}
    if any(key.startswith(_MEMORY) for key in weights):
        raise CheckpointError(f"{path} is a recurrent network; only feed-forward ones can be read")
    config, spaces = model_of_weights(weights)
    model = build(config, spaces).eval()
    load_weights(model, weights, path)
    digest = hashlib.sha256(data).hexdigest()
    return Agent(
        model, spaces, config=None, digest=digest, env_steps=None, source=path, ancestors=None
    )


def model_of_weights(weights: Mapping[str, torch.Tensor]) -> tuple[ImpalaConfig, Spaces]:
    """Return the sizes and spaces of the maze network that has these weights.

    If a weight is missing or has too few axes, the size is that of the published small network, so
    that loading the weights reports what does not fit.
    """
    usual = ImpalaConfig()
    config = ImpalaConfig(
        channels=tuple(
            _size(weights, f"embedder.block{number}.conv.weight", 0, width)
            for number, width in enumerate(usual.channels, start=1)
        ),
        hidden=_size(weights, "embedder.fc.weight", 0, usual.hidden),
    )
    spaces = Spaces(
        obs_shape=(_SIDE, _SIDE, _size(weights, "embedder.block1.conv.weight", 1, 3)),
        obs_dtype="uint8",
        obs_high=255.0,
        num_actions=_size(weights, "fc_policy.weight", 0, 15),
    )
    return config, spaces


def _size(weights: Mapping[str, Any], key: str, axis: int, default: int) -> int:
    tensor = weights.get(key)
    return default if tensor is None or tensor.ndim <= axis else int(tensor.shape[axis])
