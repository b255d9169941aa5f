"""The study `integrated-gradients`: which channels and places send the mouse to its cheese."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor

from chisel.analysis.attribution import Attribution, Score, integrated_gradients
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.maze import (
    DecisionMazes,
    Example,
    attribution_figure,
    decision_mazes,
    held_out_states,
    log_odds,
    without_cheese,
)
from chisel.analysis.maze.behaviour import text
from chisel.analysis.maze.channels import LAYER, layer_cell, random_channels, view_side
from chisel.analysis.results import (
    Estimate,
    Request,
    bootstrap_mean,
    keep_tables,
    maze_run,
    new_table,
    save_figure,
    take_agent,
    write_json,
)
from chisel.configs import ConfigError, MazeConfig
from chisel.envs.maze import observe_states
from chisel.models import to_tensor

STUDY = "integrated-gradients"
_EXAMPLES = 4
"""Number of mazes that are drawn."""
_DRAWS = 10
"""Number of sets of random channels."""


@dataclass(frozen=True, eq=False)
class _Decisions:
    """The decisions in `N` mazes that are explained at one layer."""

    mazes: DecisionMazes
    score: Score
    maps: Tensor
    """Activations of the layer, `[N, C, …]`."""
    baseline: Tensor
    """Activations that they are compared with, `[N, C, …]`."""
    removed: NDArray[np.float64]
    """Score of the whole network with the cheese minus that without, `[N]`."""


def run(
    *,
    checkpoint: Path | str,
    module: str = LAYER,
    baseline: Literal["no-cheese", "zeros"] = "no-cheese",
    levels: int = 60,
    split: Literal["all", "train", "validation", "test"] = "test",
    steps: int = 64,
    tolerance: float = 0.02,
    top: int = 4,
    seed: int = 0,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Attribute the decision for the cheese, at decision squares, to a layer's channels and places.

    The score that is explained is log P(first step to the cheese) − log P(first step to the
    corner). To check the attributions, the channels with the largest ones in half of the mazes are
    set to the baseline in the other half, and so are random channels, and the score's fall is
    measured.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        module: The layer.
        baseline: Activations that the layer's are compared with: those of the same maze without its
            cheese, or zeros.
        levels: Number of mazes with a decision square, the cheese anywhere.
        split: Split that the layouts come from.
        steps: Number of gradients on the line from the baseline to the activations.
        tolerance: Largest error of completeness that counts as none, as a share of the difference
            (of 1 if that is smaller).
        top: Number of channels that are set to the baseline.
        seed: Seed of the mazes and of everything that is drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/integrated-gradients` of the run.

    Returns:
        The folder, with `integrated-gradients.json`, `tables.json` and a figure.

    Raises:
        ConfigError: If the layer is unknown, an option is impossible, or there are too few mazes.
        CheckpointError: If there is no agent, or it is for another environment.
    """
    asked = Request.of(STUDY, run, locals())
    if levels < 2 or not tolerance > 0:
        raise ConfigError(f"levels={levels}, tolerance={tolerance}: at least 2, and above 0")
    agent = take_agent(checkpoint, env=env)
    config = maze_run(agent)
    layer_split = LayerSplit(agent.model, module)
    states = held_out_states(
        agent, config.env, levels=levels, split=split, seed=seed, decision=True
    )
    decisions = _decisions(layer_split, decision_mazes(states), config.env, baseline)
    channels = decisions.maps.shape[1]
    if not 1 <= top <= channels // 2:
        raise ConfigError(
            f"top={top}: {module} has {channels} channels, and as many others are put back for "
            f"comparison, so 1…{channels // 2}"
        )
    found = integrated_gradients(decisions.score, decisions.maps, decisions.baseline, steps=steps)
    draws = np.random.default_rng([seed, 0x16])
    swapped = _swapped(decisions, found, top, draws)
    by_channel = [bootstrap_mean(column, draws) for column in found.by_channel.T]
    complete = _completeness(found, tolerance)
    data = asked.provenance(agent, config, seed=seed)
    data |= {"module": module, "baseline": baseline, "completeness": complete}
    data |= _plain(decisions, found, by_channel, swapped)
    data["near_cheese"] = _near_cheese(decisions, found, config.env, draws)
    start = {"no-cheese": "the maze without cheese", "zeros": "zeros"}[baseline]
    title = f"{module} against {start}, {levels} {split} mazes"
    shown = _examples(decisions, found, config.env)
    figure = attribution_figure(by_channel, found, swapped, shown, title)
    with asked.results(asked.folder(agent)) as folder:
        write_json(folder / f"{STUDY}.json", data)
        save_figure(figure, folder / f"{STUDY}.png", f"sha256 {agent.digest}, {asked.command}")
        keep_tables(folder, [_table(decisions, found, by_channel, swapped, complete, title)])
    return folder


def _decisions(
    layer_split: LayerSplit, mazes: DecisionMazes, config: MazeConfig, baseline: str
) -> _Decisions:
    """Compute activations, baseline and score of the decisions at a layer."""
    observe = functools.partial(observe_states, config=config)
    obs = to_tensor(observe(mazes.states))
    obs_without = to_tensor(observe([without_cheese(one) for one in mazes.states]))
    maps, without = layer_split.before(obs), layer_split.before(obs_without)
    if maps.dim() < 2 or not maps.is_floating_point():
        raise ConfigError(f"{layer_split.module}: its output {list(maps.shape)} has no channels")
    moves = (mazes.to_cheese, mazes.to_corner)
    score = log_odds(layer_split, obs, *moves)
    with torch.no_grad():
        removed = score(maps) - log_odds(layer_split, obs_without, *moves)(without)
    start = without if baseline == "no-cheese" else torch.zeros_like(maps)
    return _Decisions(mazes, score, maps, start, removed.double().numpy())


def _completeness(found: Attribution, tolerance: float) -> dict[str, Any]:
    """Return how far the attributions are from adding up to the difference of the score."""
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
    decisions: _Decisions, found: Attribution, top: int, draws: np.random.Generator
) -> dict[str, tuple[Estimate, Estimate]]:
    """Return attributed and measured loss of sets of channels, in mazes not used to choose them."""
    half = len(decisions.mazes) // 2
    strength = np.abs(found.by_channel[:half].mean(axis=0))
    best = np.argsort(-strength, kind="stable")[:top].tolist()
    others = [random_channels(len(strength), best, draws) for _ in range(_DRAWS)]
    sets = {f"{top} strongest": [best], f"{top} random": others}
    found_of = {}
    for name, several in sets.items():
        attributed = np.mean([found.by_channel[half:, one].sum(axis=1) for one in several], axis=0)
        measured = np.mean([_lost(decisions, found, one)[half:] for one in several], axis=0)
        found_of[name] = (bootstrap_mean(attributed, draws), bootstrap_mean(measured, draws))
    return found_of


def _lost(
    decisions: _Decisions, found: Attribution, channels: Sequence[int]
) -> NDArray[np.float64]:
    """Return how much the score falls if channels take the baseline's values, `[N]`."""
    maps = decisions.maps.clone()
    maps[:, channels] = decisions.baseline[:, channels]
    with torch.no_grad():
        after = decisions.score(maps).double().numpy()
    lost: NDArray[np.float64] = found.score - after
    return lost


def _near_cheese(
    decisions: _Decisions, found: Attribution, config: MazeConfig, draws: np.random.Generator
) -> dict[str, Any] | None:
    """Return the share of absolute attributions within one place of the cheese, and of places."""
    if found.values.ndim != 4:
        return None
    height, width = found.values.shape[2:]
    side, rows, columns = view_side(config), *np.ogrid[:height, :width]
    shares, areas = [], []
    for state, values in zip(decisions.mazes.states, found.values, strict=True):
        row, col = layer_cell(state, state.cheese[0], side, (height, width))
        near = np.maximum(np.abs(rows - row), np.abs(columns - col)) <= 1
        size = np.abs(values)
        shares.append(size[:, near].sum() / max(size.sum(), np.finfo(float).tiny))
        areas.append(near.mean())
    kept = {"share": shares, "of_places": areas}
    return {
        name: bootstrap_mean(one, draws, within=(0, 1)).to_plain() for name, one in kept.items()
    }


def _examples(decisions: _Decisions, found: Attribution, config: MazeConfig) -> list[Example]:
    """Choose the largest mazes, and of these those with the largest differences, to be drawn.

    A layer without places has none.
    """
    if found.values.ndim != 4:
        return []
    side = view_side(config)
    sizes = np.array([state.maze_dim for state in decisions.mazes.states])
    order = np.lexsort((-np.abs(found.difference), -sizes))[:_EXAMPLES]
    return [
        Example(
            decisions.mazes.states[number],
            found.values[number].sum(axis=0),
            side,
            float(found.total[number]),
        )
        for number in order.tolist()
    ]


def _plain(
    decisions: _Decisions,
    found: Attribution,
    by_channel: Sequence[Estimate],
    swapped: Mapping[str, tuple[Estimate, Estimate]],
) -> dict[str, Any]:
    rows = zip(
        decisions.mazes.states,
        decisions.mazes.squares,
        found.difference.tolist(),
        found.total.tolist(),
        decisions.removed.tolist(),
        strict=True,
    )
    return {
        "channels": [one.to_plain() for one in by_channel],
        "swapped": {
            name: {"attributed": one.to_plain(), "measured": other.to_plain()}
            for name, (one, other) in swapped.items()
        },
        "mazes": [
            {
                "level_seed": state.level_seed,
                "decision_square": list(square),
                "difference": difference,
                "sum_of_attributions": total,
                "cheese_removed": removed,
            }
            for state, square, difference, total, removed in rows
        ],
    }


def _table(
    decisions: _Decisions,
    found: Attribution,
    by_channel: Sequence[Estimate],
    swapped: Mapping[str, tuple[Estimate, Estimate]],
    complete: Mapping[str, Any],
    title: str,
) -> Table:
    draws = np.random.default_rng(0)
    verdict = "" if complete["holds"] else "; raise steps="
    table = new_table(
        title=title,
        caption=(
            "log-odds of the first step to the cheese against that to the corner, mean over mazes, "
            f"95 % intervals. Sum of attributions = difference within {complete['tolerance']:g} in "
            f"{complete['within']} of {complete['of']} mazes (largest error "
            f"{complete['largest_relative_gap']:.2g}){verdict}"
        ),
        words=["what"],
        numbers=["log-odds"],
    )
    order = np.argsort([-abs(one.value) for one in by_channel], kind="stable")[:8]
    for channel in order.tolist():
        table.add_row(f"channel {channel}", text(by_channel[channel], 2))
    table.add_row("all channels", text(bootstrap_mean(found.total, draws), 2))
    table.add_row("from baseline to maze", text(bootstrap_mean(found.difference, draws), 2))
    table.add_row(
        "whole network, cheese removed", text(bootstrap_mean(decisions.removed, draws), 2)
    )
    for name, (attributed, measured) in swapped.items():
        table.add_row(f"{name}, attributed", text(attributed, 2))
        table.add_row(f"{name}, lost when put back", text(measured, 2))
    return table
