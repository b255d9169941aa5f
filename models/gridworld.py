"""The networks of the oversight gridworld (Cloud et al. 2024, appendix F).

Sizes, layers and initial weights are those of the paper's code. The policy consists of fully
connected experts, mixed by a gate that sees the board through a 1×1 convolution. A separate value
network shares no weights with the policy.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from chisel.models.actor_critic import ActorCritic, with_heads
from chisel.models.mixture import Mixture
from chisel.models.spaces import Spaces

CRITIC_CHANNELS = 16
CRITIC_SIZES = (256, 32, 1)


def expert(inputs: int, hidden: int) -> nn.Sequential:
    """Build a network from boards to features `[B, hidden]`: two linear layers with ReLU.

    Args:
        inputs: Numbers of a board, C·H·W.
        hidden: Units of each layer.
    """
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(inputs, hidden),
            relu1=nn.ReLU(),
            fc2=nn.Linear(hidden, hidden),
            relu2=nn.ReLU(),
        )
    )


def gate_net(obs_shape: tuple[int, int, int], hidden: int, experts: int) -> nn.Sequential:
    """Build a network from boards to logits `[B, experts]`; the last logit is always 0.

    Args:
        obs_shape: Height, width and channels of a board.
        hidden: Units of each hidden layer. The convolution before them has no activation function.
        experts: Number of experts.
    """
    height, width, channels = obs_shape
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv=nn.Conv2d(channels, channels, 1))
    layers.update(expert(channels * height * width, hidden).named_children())
    layers["fc3"] = nn.Linear(hidden, experts - 1)
    layers["against_last"] = nn.ConstantPad1d((0, 1), 0.0)  # the logit of the last expert
    return nn.Sequential(layers)


class LinearCritic(nn.Module):
    """Maps boards `[B, C, H, W]` to values `[B, 1]` by the layers `conv`, `fc1`, `fc2`, `fc3`.

    The paper's code has no activation function between these layers. So their weights are
    multiplied first, and the product is applied to the batch. This gives the same values and
    gradients at a hundredth of the cost. The outputs of single layers are never computed, so they
    cannot be routed or recorded.
    """

    def __init__(self, obs_shape: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, channels = obs_shape
        first, second, last = CRITIC_SIZES
        self.conv = nn.Conv2d(channels, CRITIC_CHANNELS, 1)
        self.fc1 = nn.Linear(CRITIC_CHANNELS * height * width, first)
        self.fc2 = nn.Linear(first, second)
        self.fc3 = nn.Linear(second, last)

    def forward(self, image: Tensor) -> Tensor:
        """Apply the product of all layers: one weight per plane and cell, and one bias."""
        after_fc1 = self.fc3.weight @ self.fc2.weight
        by_channel = (after_fc1 @ self.fc1.weight).view(CRITIC_CHANNELS, -1)
        weight = self.conv.weight.flatten(1).T @ by_channel
        assert self.conv.bias is not None
        bias = self.conv.bias @ by_channel.sum(1)
        bias = bias + after_fc1 @ self.fc1.bias + self.fc3.weight @ self.fc2.bias + self.fc3.bias
        return nn.functional.linear(image.flatten(1), weight.flatten().unsqueeze(0), bias)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw weights as torch does by default, uniform within ±1/√fan-in; set biases to 0.

    Args:
        module: Network whose convolutions and linear layers are initialised, in place.
        generator: Source of the draws.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = layer.weight[0].numel() ** -0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def build_grid_experts(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """Build the network `model.name: grid-experts`.

    Raises:
        ConfigError: If observations are no images.
    """
    names: Sequence[str] = config.experts
    shape = spaces.image_shape("grid-experts")
    experts = {name: expert(math.prod(shape), config.hidden) for name in names}
    gate = gate_net(shape, config.hidden, len(names))
    return _agent(Mixture(experts, gate), config, spaces, generator)


def build_grid_mlp(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """Build the network `model.name: grid-mlp`, a single expert without a gate.

    Raises:
        ConfigError: If observations are no images.
    """
    inputs = math.prod(spaces.image_shape("grid-mlp"))
    return _agent(expert(inputs, config.hidden), config, spaces, generator)


def _agent(
    embedder: nn.Module, config: Any, spaces: Spaces, generator: torch.Generator
) -> ActorCritic:
    shape = spaces.image_shape("grid-mlp")
    critic = LinearCritic(shape) if config.critic == "own" else None
    model = with_heads(embedder, config, spaces, generator, critic)
    initialise(model, generator)
    return model
