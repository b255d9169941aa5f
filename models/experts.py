"""Small Impala trunks as experts, with a gate that looks at the same image."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from chisel.models.actor_critic import ActorCritic
from chisel.models.impala import impala, initialise
from chisel.models.mixture import Mixture
from chisel.models.spaces import Spaces

GATE_FEATURES = 32
"""Features of the gate's trunk."""


def build_experts(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """The registered builder of `model.name: experts`; both heads read the mixture.

    The gate starts out even-handed: its last layer has gain 0.01.
    """
    experts = {
        name: impala(spaces.obs_shape, config.channels, config.hidden) for name in config.experts
    }
    trunk = impala(spaces.obs_shape, config.gate_channels, GATE_FEATURES)
    choice = nn.Linear(GATE_FEATURES, len(experts))
    mixture = Mixture(experts, nn.Sequential(trunk, choice))
    initialise(mixture, generator)
    nn.init.xavier_uniform_(choice.weight, gain=0.01, generator=generator)
    return ActorCritic(
        mixture,
        hidden=config.hidden,
        num_actions=spaces.num_actions,
        obs_range=spaces.obs_range,
        generator=generator,
    )
