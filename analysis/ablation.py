"""Regions of an agent switched off, as `ablate=REGION[:MODE],…` asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from chisel import routing
from chisel.analysis.held_out import held_out, placements_of
from chisel.configs import ConfigError, RunConfig, hint
from chisel.models import Agent

Mode = str | float
"""`zero`, `mean`, `resample`, or the factor that the units are multiplied by."""

Means = Mapping[str, Sequence[torch.Tensor]]
"""By region, for each of its parts the mean `[units]`."""

MODES = ("zero", "mean", "resample")

MEAN_LEVELS = 128
"""Mazes of the validation split over whose states the means are taken."""


@dataclass(frozen=True)
class Ablation:
    """What is switched off, and everything that it takes."""

    agent: Agent
    regions: Mapping[str, routing.Region]
    modes: Mapping[str, Mode]
    seed: int
    """Of the draws of `resample`."""
    means: Means | None = None
    mean_states: int = 0
    """How many observations the means are over."""

    def __call__(self) -> AbstractContextManager[None]:
        """A context in which the agent runs ablated; the same each time."""
        return routing.ablate(
            self.agent.model,
            self.regions,
            self.modes,
            means=self.means,
            generator=torch.Generator().manual_seed(self.seed),
        )

    @property
    def whole_batches(self) -> bool:
        """Whether an example needs others beside it."""
        return "resample" in self.modes.values()

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        recorded = {"mean_states": self.mean_states} if self.means is not None else {}
        return {"ablate": dict(self.modes), **recorded}


def parse_modes(text: str) -> dict[str, Mode]:
    """Read `corner:mean,cheese:0.5`; a region without a mode is set to zero.

    Raises:
        ConfigError: If there is no region, one is given twice, or a mode is unknown.
    """
    modes: dict[str, Mode] = {}
    for item in text.split(","):
        name, colon, word = item.partition(":")
        if not name:
            raise ConfigError(f"ablate={text}: needs regions, as in ablate=corner,cheese:mean")
        if name in modes:
            raise ConfigError(f"ablate={text}: {name} is given twice")
        modes[name] = _mode(text, word) if colon else "zero"
    return modes


def _mode(text: str, word: str) -> Mode:
    if word in MODES:
        return word
    try:
        factor = float(word)
    except ValueError:
        known = hint(word, [*MODES, "a factor like 0.5"])
        raise ConfigError(f"ablate={text}: no mode {word!r}; {known}") from None
    if not abs(factor) < float("inf"):
        raise ConfigError(f"ablate={text}: the factor {word} is not finite")
    return factor


def name_of(modes: Mapping[str, Mode]) -> str:
    """Ablations as part of a file's name, like `corner+cheese-mean`."""
    return "+".join(
        name if mode == "zero" else f"{name}-{mode:g}" if mode not in MODES else f"{name}-{mode}"
        for name, mode in modes.items()
    )


def regions_of(agent: Agent) -> routing.Regions:
    """The regions that an agent was routed with.

    Raises:
        ConfigError: If there are none, or they do not fit its network.
    """
    if not agent.regions:
        raise ConfigError(f"{agent.source} has no regions: it was trained without routing.regions")
    try:
        return routing.Regions.from_plain(agent.regions, agent.model)
    except routing.RoutingError as error:
        raise ConfigError(f"{agent.source}: {error}") from error


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
