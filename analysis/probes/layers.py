"""Probes at every layer of a network, and of one that was never trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chisel.analysis.probes.ridge import Floats, Kernel, kernel
from chisel.analysis.probes.sample import Sample
from chisel.analysis.probes.scores import Reading, read, score, shuffled
from chisel.analysis.results import Estimate, redrawn
from chisel.analysis.steering import activations, shape_of
from chisel.models import Agent

INPUT = "input"
"""The observation itself, as the first layer."""
_NUMBERS = 2**26
"""Activations that are kept at a time: a quarter of a gigabyte."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Probed:
    """One target at one layer, and its controls."""

    layer: str
    target: str
    features: int
    chosen_at: float
    """Score on validation layouts: to choose a layer by."""
    strength: float
    score: Estimate
    untrained: Estimate
    """Of a network of the same form with fresh weights."""
    shuffled: Estimate
    """Of a probe fitted to labels dealt out at random."""
    gain: Estimate
    """Trained minus untrained, paired."""

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        plain: dict[str, Any] = {
            "layer": self.layer,
            "target": self.target,
            "features": self.features,
        }
        plain |= {"validation": _or_null(self.chosen_at), "strength": self.strength}
        names = ("score", "untrained", "shuffled", "gain")
        return plain | {name: getattr(self, name).to_plain() for name in names}


def probe_layers(
    agent: Agent,
    untrained: Agent,
    sample: Sample,
    layers: Sequence[str],
    generator: np.random.Generator,
    *,
    resamples: int = 1000,
    progress: Progress | None = None,
) -> list[Probed]:
    """Probe every layer for every target.

    Args:
        agent: Who is asked.
        untrained: The same network with fresh weights.
        sample: States and targets.
        layers: Names of modules; `INPUT` is the observation.
        generator: Shuffles labels, and redraws test layouts for the intervals.
        resamples: How often.
        progress: Called with the layer's name, layers done and wanted.

    Returns:
        A row for each layer and target, in that order.

    Raises:
        ConfigError: If there is no such layer.
    """
    dealt = [shuffled(target, sample.parts, generator) for target in sample.targets]
    tested = sample.layouts[sum(sample.parts) :]
    weights = np.array(redrawn(tested, generator, resamples))
    both = zip(
        probe_network(agent, sample, layers), probe_network(untrained, sample, layers), strict=True
    )
    rows = []
    for number, ((layer, features, ours), (_, _, theirs)) in enumerate(both):
        for target, labels in zip(sample.targets, dealt, strict=True):
            found, control = (read(one, target, sample.parts[1]) for one in (ours, theirs))
            noise = read(ours, target, sample.parts[1], labels)
            rows.append(_row(layer, features, (found, control, noise), weights))
        if progress is not None:
            progress(layer, number + 1, len(layers))
    return rows


def probe_network(
    agent: Agent, sample: Sample, layers: Sequence[str]
) -> Iterator[tuple[str, int, Kernel]]:
    """Inner products of each layer's activations, with its name and its number of features."""
    fitted = sample.parts[0]
    for group in _groups(agent, layers, len(sample.obs)):
        if group == [INPUT]:
            yield INPUT, sample.obs[0].numel(), kernel(sample.obs, fitted)
            continue
        found = activations(agent.model, group, sample.obs, agent.outputs)
        for layer in group:
            maps = found.pop(layer)
            yield layer, maps[0].numel(), kernel(maps, fitted)


def _groups(agent: Agent, layers: Sequence[str], states: int) -> Iterator[list[str]]:
    """Consecutive layers whose activations fit into memory together; a large one stands alone."""
    group: list[str] = []
    kept = 0
    for layer in layers:
        size = 0 if layer == INPUT else shape_of(agent, layer).numel() * states
        if group and (layer == INPUT or group == [INPUT] or kept + size > _NUMBERS):
            yield group
            group, kept = [], 0
        group.append(layer)
        kept += size
    if group:
        yield group


def _row(
    layer: str, features: int, readings: tuple[Reading, Reading, Reading], weights: Floats
) -> Probed:
    found, control, noise = readings
    return Probed(
        layer,
        found.target,
        features,
        found.chosen_at,
        found.strength,
        score(found, weights),
        score(control, weights),
        score(noise, weights),
        score(found, weights, control),
    )


def _or_null(value: float) -> float | None:
    return None if np.isnan(value) else value
