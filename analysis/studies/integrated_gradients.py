"""The study `integrated-gradients`: attribute decisions to channels and places of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.attribution import (
    Attribution,
    Score,
    Swap,
    attribution_figure,
    integrated_gradients,
)
from chisel.analysis.evaluation import Decisions, judged_by
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.results import (
    Count,
    DataTable,
    Estimate,
    Result,
    Seed,
    Within,
    bootstrap_mean,
)
from chisel.analysis.steering import default_layer
from chisel.configs import ConfigError
from chisel.models import Agent
from chisel.routing.sites import replaced

_EXAMPLES = 4
"""Number of decisions that are drawn."""
_DRAWS = 10
"""Number of sets of random channels."""
_SHOWN = 8
"""Number of channels in the table."""


@dataclass(frozen=True, eq=False)
class _AtLayer:
    """The decisions at one layer."""

    decisions: Decisions
    score: Score
    maps: Tensor
    """Activations of the layer, `[N, …]`."""
    baseline: Tensor
    """Activations with which those of the layer are compared, `[N, …]`."""
    removed: NDArray[np.float64] | None
    """Fall of the whole network's score if the object of the decision is removed, `[N]`."""


def run(
    checkpoint: Agent,
    *,
    module: str | None = None,
    baseline: Literal["removed", "zeros", "mean"] | None = None,
    levels: Annotated[int, Within(2)] = 60,
    split: Literal["all", "train", "validation", "test"] | None = None,
    steps: Count = 64,
    tolerance: Annotated[float, Within(1e-12)] = 0.02,
    top: Count = 4,
    seed: Seed = 0,
) -> Result:
    """Attribute the decisions of an agent to the channels and places of a layer.

    A score of each decision is explained. In mazes it is log P(first step to the cheese) − log
    P(first step to the corner) at decision squares; in other worlds it is the log-odds of the
    likeliest action at moments of the agent's games. To check the attributions, the channels with
    the largest ones in half of the decisions are set to the baseline in the other half, and the
    score's fall is measured, beside that for random channels.

    Args:
        checkpoint: An agent.
        module: The layer; left out, the published maze study's embedder.block2.res1.resadd if the
            network has it, else embedder.
        baseline: Activations with which the layer's are compared: those with the object of the
            decision removed (in mazes the cheese), zeros, or the mean over the decisions. Left out,
            removed if the world can remove it, else mean.
        levels: Number of decisions.
        split: Split of the levels, in worlds with splits; left out, `eval.split`.
        steps: Number of gradients on the line from the baseline to the activations.
        tolerance: Largest error for which attributions count as complete, as a share of the
            difference of the score (or of 1 if that is larger).
        top: Number of channels that are set to the baseline.
        seed: Seed of the decisions and of everything that is drawn.

    Returns:
        Attributions by channel, their completeness, and the result of the check.

    Raises:
        ConfigError: If the layer is unknown, an option is impossible, or there are too few levels.
        CheckpointError: If the agent is for another environment.
    """
    settings = [] if split is None else [f"eval.split={split}"]
    evaluator, config = judged_by(checkpoint, settings)
    module = default_layer(checkpoint, module)
    layer_split = LayerSplit(checkpoint.model, module)
    decisions = evaluator.decisions(checkpoint, config, levels=levels, seed=seed)
    baseline = baseline or ("mean" if decisions.removed is None else "removed")
    at_layer = _at_layer(layer_split, decisions, baseline)
    axis = layer_split.axis(at_layer.maps)
    channels = at_layer.maps.shape[axis]
    if top > channels // 2:
        raise ConfigError(
            f"top={top}: {module} has {channels} channels, and as many others are put back for "
            f"comparison, so 1…{channels // 2}"
        )
    ends = (at_layer.maps, at_layer.baseline)
    found = integrated_gradients(at_layer.score, *ends, steps=steps, axis=axis)
    draws = np.random.default_rng([seed, 0x16])
    swapped = _swapped(at_layer, found, top, draws)
    by_channel = [bootstrap_mean(column, draws) for column in found.by_channel.T]
    complete = _completeness(found, tolerance)
    title = f"{module} against {baseline}, {levels} decisions"
    return Result(
        data={
            "module": module,
            "baseline": baseline,
            "score": decisions.about,
            "completeness": complete,
            "channels": by_channel,
            "swapped": swapped,
            "decisions": _rows(at_layer, found),
            "near": _near(decisions, found, draws),
        },
        tables={
            "integrated-gradients": _table(at_layer, found, by_channel, swapped, complete, title)
        },
        figures={
            "integrated-gradients": attribution_figure(
                by_channel, found, swapped, _pictures(decisions, found), decisions.about, title
            )
        },
    )


def _at_layer(layer_split: LayerSplit, decisions: Decisions, baseline: str) -> _AtLayer:
    """Compute activations, baseline and score of the decisions at a layer."""
    maps = layer_split.before(decisions.obs)
    score, removed, without = decisions.score(layer_split, decisions.obs), None, None
    if decisions.removed is not None:
        without = layer_split.before(decisions.removed)
        with torch.no_grad():
            lost = score(maps) - decisions.score(layer_split, decisions.removed)(without)
        removed = lost.double().numpy()
    if baseline == "removed" and without is None:
        raise ConfigError("baseline=removed: this world takes nothing away; zeros or mean")
    mean = maps.mean(0, keepdim=True).expand_as(maps)
    start = {"removed": without, "zeros": torch.zeros_like(maps), "mean": mean}[baseline]
    assert start is not None  # refused above
    return _AtLayer(decisions, score, maps, start, removed)


def _completeness(found: Attribution, tolerance: float) -> dict[str, Any]:
    """Return the error with which the attributions add up to the difference of the score."""
    size = np.abs(found.gap) / np.maximum(np.abs(found.difference), 1)
    return {
        "largest_gap": float(np.abs(found.gap).max()),
        "largest_relative_gap": float(size.max()),
        "tolerance": tolerance,
        "within": int((size <= tolerance).sum()),
        "of": len(size),
        "holds": bool((size <= tolerance).all()),
    }


def _swapped(
    at_layer: _AtLayer, found: Attribution, top: int, draws: np.random.Generator
) -> dict[str, Swap]:
    """Return attributions and measured losses of sets of channels on the other half."""
    half = len(at_layer.decisions) // 2
    strength = np.abs(found.by_channel[:half].mean(axis=0))
    best = np.argsort(-strength, kind="stable")[:top].tolist()
    rest = [channel for channel in range(len(strength)) if channel not in best]
    others = [sorted(draws.choice(rest, top, replace=False).tolist()) for _ in range(_DRAWS)]
    swaps = {}
    for name, several in {f"{top} strongest": [best], f"{top} random": others}.items():
        attributed = np.mean([found.by_channel[half:, one].sum(axis=1) for one in several], axis=0)
        measured = np.mean([_lost(at_layer, found, one)[half:] for one in several], axis=0)
        swaps[name] = Swap(bootstrap_mean(attributed, draws), bootstrap_mean(measured, draws))
    return swaps


def _lost(at_layer: _AtLayer, found: Attribution, channels: Sequence[int]) -> NDArray[np.float64]:
    """Return the fall of the score if channels take the baseline's values, `[N]`."""
    assert found.axis is not None  # the layer's
    maps = replaced(at_layer.maps, channels, found.axis, at_layer.baseline)
    with torch.no_grad():
        after = at_layer.score(maps).double().numpy()
    lost: NDArray[np.float64] = found.score - after
    return lost


def _rows(at_layer: _AtLayer, found: Attribution) -> list[dict[str, Any]]:
    """Return the facts about each decision, and the sum of its attributions."""
    facts = at_layer.decisions.facts or [{} for _ in found.total]
    rows = zip(facts, found.difference.tolist(), found.total.tolist(), strict=True)
    plain = [
        {**one, "difference": difference, "sum_of_attributions": total}
        for one, difference, total in rows
    ]
    if at_layer.removed is not None:
        for row, lost in zip(plain, at_layer.removed.tolist(), strict=True):
            row["removed"] = lost
    return plain


def _near(
    decisions: Decisions, found: Attribution, draws: np.random.Generator
) -> dict[str, Estimate] | None:
    """Return the share of absolute attributions near the object of the decision, and of places."""
    if found.values.ndim != 4 or found.axis != 1 or decisions.near is None:
        return None
    places = (found.values.shape[2], found.values.shape[3])
    shares, areas = [], []
    for number, values in enumerate(found.values):
        near, size = decisions.near(number, places), np.abs(values)
        shares.append(size[:, near].sum() / max(size.sum(), np.finfo(float).tiny))
        areas.append(near.mean())
    kept = {"share": shares, "of_places": areas}
    return {name: bootstrap_mean(one, draws, within=(0, 1)) for name, one in kept.items()}


def _pictures(decisions: Decisions, found: Attribution) -> list[Any]:
    """Return functions that draw decisions at the largest moments, large differences first.

    There are none for a layer without places, or in a world that cannot draw them.
    """
    if found.values.ndim != 4 or found.axis != 1 or decisions.draw is None:
        return []
    sizes = np.zeros(len(decisions)) if decisions.sizes is None else np.array(decisions.sizes)
    chosen = np.lexsort((-np.abs(found.difference), -sizes))[:_EXAMPLES].tolist()
    places = {number: found.values[number].sum(axis=0) for number in chosen}
    limit = max(float(np.abs(one).max()) for one in places.values()) or 1.0
    draw = decisions.draw
    return [lambda ax, n=n, one=one: draw(ax, n, one, limit) for n, one in places.items()]


def _table(
    at_layer: _AtLayer,
    found: Attribution,
    by_channel: Sequence[Estimate],
    swapped: Mapping[str, Swap],
    complete: Mapping[str, Any],
    title: str,
) -> DataTable:
    draws = np.random.default_rng(0)
    verdict = "" if complete["holds"] else "; raise steps="
    order = np.argsort([-abs(one.value) for one in by_channel], kind="stable")[:_SHOWN]
    values = {f"channel {channel}": by_channel[channel] for channel in order.tolist()}
    values["all channels"] = bootstrap_mean(found.total, draws)
    values["from the baseline to the activations"] = bootstrap_mean(found.difference, draws)
    if at_layer.removed is not None:
        values["whole network, what is decided about removed"] = bootstrap_mean(
            at_layer.removed, draws
        )
    for name, swap in swapped.items():
        values[f"{name}, attributed"] = swap.attributed
        values[f"{name}, lost when put back"] = swap.measured
    return DataTable(
        title,
        [{"what": name, "log-odds": value} for name, value in values.items()],
        caption=f"{at_layer.decisions.about}; sum of attributions = difference within "
        f"{complete['tolerance']:g} in {complete['within']} of {complete['of']} (largest error "
        f"{complete['largest_relative_gap']:.2g}){verdict}",
        spread="means over decisions, 95 % intervals",
    )
