"""The convolutional embedder of IMPALA (Espeholt et al. 2018), as Langosco et al. 2022 built it.

Every intermediate result is the output of a named module, such as `embedder.block2.res1.resadd`, so
that it can be read, patched or routed by name. Names and state-dict keys are those of the published
maze networks. Modules without parameters do not appear in the state dict.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from chisel.models.actor_critic import ActorCritic, with_heads
from chisel.models.mixture import Mixture
from chisel.models.spaces import Spaces

GATE_FEATURES = 32
"""Number of features of the gate's own trunk, in a network of experts."""


class ResidualAdd(nn.Module):
    """Adds a residual branch. It is a module so that the sum has a name."""

    def forward(self, skip: Tensor, branch: Tensor) -> Tensor:
        """Add two tensors of the same shape."""
        return skip + branch


class ResidualUnit(nn.Module):
    """Computes `x + conv2(relu(conv1(relu(x))))` for `[B, C, H, W]`, which keeps the shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.resadd = ResidualAdd()

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch's output to `x`."""
        added: Tensor = self.resadd(x, self.conv2(self.relu2(self.conv1(self.relu1(x)))))
        return added


def block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build a block: a convolution, a pooling that halves the resolution, two residual units.

    It maps `[B, in, H, W]` to `[B, out, ceil(H / 2), ceil(W / 2)]`. Its children are `conv`,
    `maxpool`, `res1` and `res2`.
    """
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
            maxpool=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            res1=ResidualUnit(out_channels),
            res2=ResidualUnit(out_channels),
        )
    )


def impala(obs_shape: tuple[int, int, int], channels: Sequence[int], hidden: int) -> nn.Sequential:
    """Build the embedder from images `[B, C, H, W]` to features `[B, hidden]`.

    The children are `block1` to `blockN`, then `relu3`, `flatten`, `fc` and `relufc`. The published
    networks have three blocks, and `relu3` has its name for any number. Weights are torch's default
    until `initialise` is called.

    Args:
        obs_shape: Height, width and channels of an image.
        channels: Output channels of each block, at least one.
        hidden: Number of features.

    Raises:
        ValueError: If there is no block, or a number of channels or features is below 1.
    """
    if not channels or min(channels) < 1 or hidden < 1:
        raise ValueError(f"Impala needs positive widths, not channels={channels}, hidden={hidden}")
    height, width, in_channels = obs_shape
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, out_channels in enumerate(channels, start=1):
        layers[f"block{number}"] = block(in_channels, out_channels)
        height, width, in_channels = (height + 1) // 2, (width + 1) // 2, out_channels
    layers["relu3"] = nn.ReLU()
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(in_channels * height * width, hidden)
    layers["relufc"] = nn.ReLU()
    return nn.Sequential(layers)


def initialise(embedder: nn.Module, generator: torch.Generator) -> None:
    """Draw Xavier-uniform weights, and set biases to 0, in every convolution and linear layer.

    Langosco et al. initialise their embedder so.

    Args:
        embedder: The network, changed in place.
        generator: Source of all draws, in the order of `embedder.modules()`.
    """
    for module in embedder.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def build_impala(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """Build the network `model.name: impala`.

    Raises:
        ConfigError: If observations are no images.
    """
    embedder = impala(spaces.image_shape("impala"), config.channels, config.hidden)
    initialise(embedder, generator)
    return with_heads(embedder, config, spaces, generator)


def build_experts(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """Build the network `model.name: experts`: small Impala trunks that a gate mixes.

    Both heads read the mixture. The last layer of the gate has gain 0.01, so that a new gate gives
    nearly equal shares.

    Raises:
        ConfigError: If observations are no images.
    """
    shape = spaces.image_shape("experts")
    experts = {name: impala(shape, config.channels, config.hidden) for name in config.experts}
    trunk = impala(shape, config.gate_channels, GATE_FEATURES)
    choice = nn.Linear(GATE_FEATURES, len(experts))
    mixture = Mixture(experts, nn.Sequential(trunk, choice))
    initialise(mixture, generator)
    nn.init.xavier_uniform_(choice.weight, gain=0.01, generator=generator)
    return with_heads(mixture, config, spaces, generator)
