"""Probe every layer of a network, and of a network that was never trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chisel.analysis.probes.ridge import Kernel, kernel
from chisel.analysis.probes.scores import Sample, read, score, shuffled
from chisel.analysis.results import Estimate, redrawn
from chisel.analysis.steering import activations, shape_of
from chisel.models import Agent
from chisel.routing import Site

INPUT = "input"
"""Name of the observation, which counts as the first layer."""
_NUMBERS = 2**26
"""Number of activations that are kept at a time, which take a quarter of a gigabyte."""


@dataclass(frozen=True, eq=False)
class Probed:
    """Scores of the probe of one target at one layer, and of its controls."""

    layer: str
    target: str
    features: int
    """Number of the layer's activations."""
    validation: float
    """Score on validation layouts, by which a layer can be chosen."""
    strength: float
    """Penalty of the probe; see `Reading`."""
    score: Estimate
    """Score on test layouts."""
    untrained: Estimate
    """Score of a probe of a network of the same form with fresh weights."""
    shuffled: Estimate
    """Score of a probe fitted to shuffled labels."""
    gain: Estimate
    """Score of the trained minus that of the untrained network, paired."""


def probe_layers(
    agent: Agent,
    untrained: Agent,
    sample: Sample,
    layers: Sequence[str | Site],
    generator: np.random.Generator,
    *,
    resamples: int = 1000,
) -> list[Probed]:
    """Probe every layer for every target.

    Args:
        agent: The agent.
        untrained: The agent with fresh weights.
        sample: States and targets.
        layers: Names of modules, or sites; `INPUT` is the observation.
        generator: Shuffles labels, and redraws test layouts for the intervals.
        resamples: Number of times that layouts are redrawn.

    Returns:
        A row for each layer and target, in that order.

    Raises:
        ConfigError: If there is no such layer.
    """
    shuffled_labels = [shuffled(target, sample.parts, generator) for target in sample.targets]
    tested = sample.layouts[sum(sample.parts) :]
    weights = np.array(redrawn(tested, generator, resamples))
    both = zip(
        probe_network(agent, sample, layers), probe_network(untrained, sample, layers), strict=True
    )
    rows = []
    for (layer, features, trained), (_, _, fresh) in both:
        for target, labels in zip(sample.targets, shuffled_labels, strict=True):
            found, control = (read(one, target, sample.parts[1]) for one in (trained, fresh))
            noise = read(trained, target, sample.parts[1], labels)
            row = Probed(
                layer,
                found.target,
                features,
                validation=found.chosen_at,
                strength=found.strength,
                score=score(found, weights),
                untrained=score(control, weights),
                shuffled=score(noise, weights),
                gain=score(found, weights, control),
            )
            rows.append(row)
    return rows


def probe_network(
    agent: Agent, sample: Sample, layers: Sequence[str | Site]
) -> Iterator[tuple[str, int, Kernel]]:
    """Yield each layer's name, its number of features and the inner products of its activations."""
    fitted = sample.parts[0]
    for group in _groups(agent, layers, len(sample.obs)):
        if group == [INPUT]:
            yield INPUT, sample.obs[0].numel(), kernel(sample.obs, fitted)
            continue
        found = activations(agent.model, group, sample.obs, agent.outputs)
        for layer in group:
            maps = found.pop(layer)
            yield (
                layer if isinstance(layer, str) else layer.where,
                maps[0].numel(),
                kernel(maps, fitted),
            )


def _groups(agent: Agent, layers: Sequence[str | Site], states: int) -> Iterator[list[str | Site]]:
    """Yield groups of consecutive layers whose activations fit into memory together."""
    group: list[str | Site] = []
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
