"""Three plain convolutions and a fully connected layer.

By default it is the network of Turner et al. 2020 (arXiv 2006.06547), from SafeLife's training
code. Theirs has nine value outputs and takes their mean; ours has one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from chisel.configs import ConfigError
from chisel.models.actor_critic import ActorCritic, with_heads
from chisel.models.gridworld import initialise
from chisel.models.mixture import Mixture
from chisel.models.spaces import Spaces

KERNELS, STRIDES = (5, 3, 3), (2, 2, 1)
LEAST_SIDE = 17
"""Side of the smallest image for which the convolutions return at least one pixel."""


def cnn(obs_shape: tuple[int, int, int], channels: Sequence[int], hidden: int) -> nn.Sequential:
    """Build a network from images `[B, C, H, W]` to features `[B, hidden]`.

    The children are `conv1`, `relu1` to `conv3`, `relu3`, then `flatten`, `fc`, `relufc`.

    Args:
        obs_shape: Height, width and channels of an image.
        channels: Output channels of the three convolutions.
        hidden: Number of features.

    Raises:
        ConfigError: If the image is smaller than 17x17.
        ValueError: If `channels` has not three numbers.
    """
    height, width, before = obs_shape
    if min(height, width) < LEAST_SIDE:
        least = f"{LEAST_SIDE}x{LEAST_SIDE}"
        raise ConfigError(f"cnn reads images of {least} or more, not {height}x{width}")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    sizes = zip(channels, KERNELS, STRIDES, strict=True)
    for number, (after, kernel, stride) in enumerate(sizes, start=1):
        layers[f"conv{number}"] = nn.Conv2d(before, after, kernel, stride)
        layers[f"relu{number}"] = nn.ReLU()
        height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        before = after
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(before * height * width, hidden)
    layers["relufc"] = nn.ReLU()
    return nn.Sequential(layers)


def build_cnn(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """Build the network `model.name: cnn`.

    Raises:
        ConfigError: If observations are no images, or smaller than 17x17.
    """
    embedder = cnn(spaces.image_shape("cnn"), config.channels, config.hidden)
    initialise(embedder, generator)
    return with_heads(embedder, config, spaces, generator)


def build_cnn_experts(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """Build the network `model.name: cnn-experts`: small `cnn` trunks that a gate mixes.

    The last layer of the gate begins at 0, so that a new gate gives equal shares.

    Raises:
        ConfigError: If observations are no images, or smaller than 17x17.
    """
    shape = spaces.image_shape("cnn-experts")
    experts = {name: cnn(shape, config.channels, config.hidden) for name in config.experts}
    choice = nn.Linear(config.hidden, len(experts))
    gate = nn.Sequential(OrderedDict(trunk=cnn(shape, config.channels, config.hidden), fc=choice))
    mixture = Mixture(experts, gate)
    initialise(mixture, generator)
    nn.init.zeros_(choice.weight)
    return with_heads(mixture, config, spaces, generator)
