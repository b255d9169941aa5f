"""Regions of a maze agent switched off, with means over the states that it gets into itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from chisel import routing
from chisel.analysis.ablation import Ablation, Means, Mode, regions_of
from chisel.analysis.evaluation.held_out import held_out, placements_of
from chisel.configs import ConfigError, RunConfig, hint
from chisel.models import Agent

MEAN_LEVELS = 128
"""Mazes of the validation split over whose states the means are taken."""


def ablation_of(agent: Agent, config: RunConfig, modes: Mapping[str, Mode]) -> Ablation:
    """Prepare what is to be switched off; means are recorded while the agent plays.

    Raises:
        ConfigError: If the agent has no such region, or a single maze has nothing to resample.
    """
    regions = regions_of(agent)
    for name in modes:
        if name not in regions:
            raise ConfigError(f"ablate={name}: no such region; {hint(name, regions)}")
    ablation = Ablation(agent, regions, modes, seed=config.eval.seed)
    if ablation.whole_batches and min(config.eval.num_envs, config.eval.levels) < 2:
        raise ConfigError("ablate: resample needs several mazes; set eval.num_envs to 2 or more")
    if "mean" not in modes.values():
        return ablation
    wanted = {name: regions[name] for name, mode in modes.items() if mode == "mean"}
    means, states = record_means(agent, config, wanted)
    return Ablation(agent, regions, modes, config.eval.seed, means, states)


def record_means(
    agent: Agent, config: RunConfig, regions: Mapping[str, routing.Region]
) -> tuple[Means, int]:
    """Mean activations of regions over the states that the whole agent itself gets into.

    Returns:
        What `routing.ablate` takes for `mean`, and over how many observations.
    """
    states = 0

    def policy(obs: torch.Tensor) -> torch.Tensor:
        nonlocal states
        states += len(obs)
        return agent.policy(obs)

    placement = placements_of(config.env)[0]
    with held_out(agent, config, placement, levels=MEAN_LEVELS, split="validation") as mazes:
        draws = torch.Generator().manual_seed(config.eval.seed)
        means = routing.record_means(agent.model, regions, lambda: mazes.play(policy, draws))
    return means, states
