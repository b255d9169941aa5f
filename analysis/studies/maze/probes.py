"""The study `probes`: what linear probes predict about a maze from each layer of its agent."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch

from chisel.analysis.maze import logit_targets, sample_of, states_of
from chisel.analysis.probes import INPUT, Probed, Sample, probe_layers, probes_figure
from chisel.analysis.results import DataTable, Result, Seed, Within, maze_run
from chisel.analysis.steering import policy_layers, shape_of
from chisel.configs import RunConfig
from chisel.envs.maze import observe_states
from chisel.models import Agent, build, to_tensor

_Levels = Annotated[int, Within(20)]
"""A number of mazes for fitting, for validation or for testing."""
_AT_A_TIME = 512
_CAPTION = (
    "test layouts; score: share of the error of the best constant that the probe takes away (for "
    "numbers R²)"
)


def run(
    checkpoint: Agent,
    *,
    layers: tuple[str, ...] = ("all",),
    levels: _Levels = 1000,
    validation: _Levels = 300,
    test: _Levels = 500,
    seed: Seed = 0,
) -> Result:
    """Fit a linear probe to every layer, for properties of the maze and the network's own logits.

    Ridge probes are fitted on training layouts, their penalty is chosen on validation layouts, and
    they are scored on test layouts, with the cheese anywhere and the mouse on a random square. Each
    is compared with a probe of a network with fresh weights, and one fitted to shuffled labels.

    Args:
        checkpoint: A maze agent.
        layers: all on which the policy depends, or names; `input` is the observation.
        levels: Number of mazes that probes are fitted on, one state of each.
        validation: Number of mazes that penalties are chosen on.
        test: Number of mazes that probes are scored on.
        seed: Seed of the mazes, the mouse's squares, fresh weights and shuffled labels.

    Returns:
        Scores of all probes, a table of the best layers, one by layer, and a figure.

    Raises:
        ConfigError: If a layer is unknown, or there are too few mazes.
        CheckpointError: If the agent is for another environment.
    """
    agent, config = checkpoint, maze_run(checkpoint)
    names = _layers(agent, layers)
    sample = _sample(agent, config, [levels, validation, test], seed)
    fresh = dataclasses.replace(agent, model=build(config.model, agent.spaces, seed=seed).eval())
    rows = probe_layers(agent, fresh, sample, names, np.random.default_rng([seed, 0x9B1]))
    title = f"{config.experiment or agent.source.stem}: what a linear probe reads off each layer"
    return Result(
        data=_data(rows, sample, config),
        tables={"best-layers": _best_table(rows), "layers": _layer_table(rows)},
        figures={"probes": probes_figure(rows, title)},
    )


def best_layers(rows: Sequence[Probed]) -> list[Probed]:
    """Return, for each target, the row of the layer with the best score on validation layouts."""
    best: dict[str, Probed] = {}
    for row in rows:
        known = best.get(row.target)
        if known is None or np.isnan(known.chosen_at) or row.chosen_at > known.chosen_at:
            best[row.target] = row
    return list(best.values())


def _layers(agent: Agent, layers: Sequence[str]) -> list[str]:
    if list(layers) == ["all"]:
        return [INPUT, *policy_layers(agent)]
    for name in layers:
        if name != INPUT:
            shape_of(agent, name)
    return list(layers)


def _sample(agent: Agent, config: RunConfig, counts: Sequence[int], seed: int) -> Sample:
    sets = states_of(agent, config.env, counts, seed)
    observe = functools.partial(observe_states, config=config.env)
    with torch.inference_mode():
        obs = to_tensor(observe([state for one in sets for state in one]))
        logits = torch.cat([agent.policy(part) for part in torch.split(obs, _AT_A_TIME)])
    return sample_of(sets, observe, max(config.env.region, 1), logit_targets(logits))


def _data(rows: Sequence[Probed], sample: Sample, config: RunConfig) -> dict[str, Any]:
    tested = slice(sum(sample.parts), None)
    targets = {
        target.name: {
            "kind": "number" if target.is_number else "class",
            "classes": None if target.is_number else len(np.unique(target.values)),
            "spread": float(target.values[tested].std()) if target.is_number else None,
        }
        for target in sample.targets
    }
    return {
        "layouts": {
            name: len(np.unique(sample.layouts[part]))
            for name, part in {
                "fitted": slice(sample.parts[0]),
                "validation": slice(sample.parts[0], sum(sample.parts)),
                "test": tested,
            }.items()
        },
        "region": max(config.env.region, 1),
        "targets": targets,
        "best": best_layers(rows),
        "probes": rows,
    }


def _best_table(rows: Sequence[Probed]) -> DataTable:
    return DataTable(
        title="Where each target is read best",
        key=["target"],
        caption=f"{_CAPTION}; layers chosen on validation layouts; 95 % intervals over layouts",
        rows=[
            {
                "target": row.target,
                "layer": row.layer,
                "score": row.score,
                "untrained": row.untrained,
                "shuffled": row.shuffled,
                "trained − untrained": row.gain,
            }
            for row in best_layers(rows)
        ],
    )


def _layer_table(rows: Sequence[Probed]) -> DataTable:
    layers: dict[str, dict[str, Any]] = {}
    for row in rows:
        layers.setdefault(row.layer, {"layer": row.layer})[row.target] = row.score
    return DataTable("Score by layer", list(layers.values()), caption=_CAPTION)
