"""Prepare the ablations of the option `ablate=REGION[:MODE],…`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from chisel import routing
from chisel.configs import ConfigError, hint
from chisel.models import Loaded


@dataclass(frozen=True)
class Ablation:
    """The regions of a network that are ablated, and their modes."""

    model: nn.Module
    regions: Mapping[str, routing.Region]
    modes: Mapping[str, routing.Mode]
    seed: int
    """Seed of the draws of `resample`."""
    means: routing.Means | None = None
    mean_states: int = 0
    """Number of observations over which the means are."""

    def __call__(self) -> AbstractContextManager[None]:
        """Return a context in which the network runs with the same ablation each time."""
        return routing.ablate(
            self.model,
            self.regions,
            self.modes,
            means=self.means,
            generator=torch.Generator().manual_seed(self.seed),
        )

    @property
    def whole_batches(self) -> bool:
        """Whether an example needs other examples in its batch."""
        return "resample" in self.modes.values()

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        recorded = {"mean_states": self.mean_states} if self.means is not None else {}
        return {"ablate": dict(self.modes), **recorded}


def parse_modes(text: str) -> dict[str, routing.Mode]:
    """Read `corner:mean,cheese:0.5`; a region without a mode is set to zero.

    Raises:
        ConfigError: If the text has no region or the same one twice, or a mode is unknown.
    """
    modes: dict[str, routing.Mode] = {}
    for item in text.split(","):
        name, colon, word = item.partition(":")
        if not name:
            raise ConfigError(f"ablate={text}: needs regions, as in ablate=corner,cheese:mean")
        if name in modes:
            raise ConfigError(f"ablate={text}: {name} is given twice")
        modes[name] = _mode(text, word) if colon else "zero"
    return modes


def _mode(text: str, word: str) -> routing.Mode:
    if word in routing.MODES:
        return word
    try:
        factor = float(word)
    except ValueError:
        known = hint(word, [*routing.MODES, "a factor like 0.5"])
        raise ConfigError(f"ablate={text}: no mode {word!r}; {known}") from None
    if not abs(factor) < float("inf"):
        raise ConfigError(f"ablate={text}: the factor {word} is not finite")
    return factor


def name_of(modes: Mapping[str, routing.Mode]) -> str:
    """Return ablations as part of a file's name, like `corner+cheese-mean`."""
    parts = []
    for name, mode in modes.items():
        told = mode if mode in routing.MODES else f"{mode:g}"
        parts.append(name if mode == "zero" else f"{name}-{told}")
    return "+".join(parts)


def regions_of(agent: Loaded[Any]) -> routing.Regions:
    """Return the regions that an agent was routed with.

    Raises:
        ConfigError: If there are none, or they do not fit the network.
    """
    if not agent.regions:
        raise ConfigError(
            f"{agent.source} has no regions: it was trained without routing.regions; "
            "`chisel check maze/routed-fc` prints an experiment that has them, and "
            "docs/howto/add-a-world.md shows one in a world of your own"
        )
    with refused_by_routing(agent):
        return routing.resolve(agent.model, agent.regions)


def chosen_regions(agent: Loaded[Any], names: Iterable[str]) -> routing.Regions:
    """Return the regions that an agent was routed with, and check that these names are among them.

    Raises:
        ConfigError: If a name is not among them, or the agent has no regions.
    """
    regions = regions_of(agent)
    require_regions(names, regions)
    return regions


def require_regions(names: Iterable[str], regions: Collection[str]) -> None:
    """Check that names given to `ablate` are those of regions.

    Args:
        names: The names given.
        regions: Names of the regions that there are.

    Raises:
        ConfigError: If a name is not among them.
    """
    for name in names:
        if name not in regions:
            raise ConfigError(f"ablate={name}: no such region; {hint(name, regions)}")


@contextmanager
def refused_by_routing(agent: Loaded[Any]) -> Iterator[None]:
    """Add the agent's name to errors of routing that are raised within the context.

    Raises:
        ConfigError: In place of a RoutingError.
    """
    try:
        yield
    except routing.RoutingError as error:
        raise ConfigError(f"{agent.source}: {error}") from error
