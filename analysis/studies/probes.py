"""The study `probes`: predict properties of a world from each layer of its agent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from chisel.analysis.evaluation import judged_by
from chisel.analysis.probes import INPUT, Probed, Sample, probe_layers, probes_figure
from chisel.analysis.results import DataTable, Result, Seed, Within, name_of
from chisel.analysis.steering import named_layers
from chisel.models import Agent, build

_Levels = Annotated[int, Within(20)]
"""A number of levels for fitting, for validation or for testing."""
_CAPTION = (
    "score on test levels: share of the error of the best constant that the probe takes away (for "
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
    """Fit a linear probe to every layer, for properties of the world and the network's own logits.

    Ridge probes are fitted on one set of moments, their penalty is chosen on a second set, and they
    are scored on a third. In mazes these are from training, validation and test layouts, with the
    cheese anywhere and the mouse on a random square; in other worlds they are single moments of
    many games. Each probe is compared with a probe of a network with fresh weights, and with a
    probe fitted to shuffled labels.

    Args:
        checkpoint: An agent.
        layers: all (on which the policy depends), or names; `input` is the observation.
        levels: Number of levels or games on which probes are fitted, one moment of each.
        validation: Number of levels or games on which penalties are chosen.
        test: Number of levels or games on which probes are scored.
        seed: Seed of the moments, fresh weights and shuffled labels.

    Returns:
        Scores of all probes, a table of the best layers, one by layer, and a figure.

    Raises:
        ConfigError: If a layer is unknown, or there are too few levels.
        CheckpointError: If the agent is for another environment.
    """
    agent, (evaluator, config) = checkpoint, judged_by(checkpoint)
    found = named_layers(agent, [name for name in layers if name != INPUT])
    names = [INPUT, *found] if list(layers) == ["all"] else list(layers)
    sample = evaluator.sample(agent, config, [levels, validation, test], seed)
    fresh = dataclasses.replace(agent, model=build(config.model, agent.spaces, seed=seed).eval())
    rows = probe_layers(agent, fresh, sample, names, np.random.default_rng([seed, 0x9B1]))
    title = f"{name_of(agent)}: what a linear probe reads off each layer"
    return Result(
        data=_data(rows, sample),
        tables={"best-layers": _best_table(rows), "layers": _layer_table(rows)},
        figures={"probes": probes_figure(rows, title)},
    )


def best_layers(rows: Sequence[Probed]) -> list[Probed]:
    """Return, for each target, the row of the layer with the best score on validation layouts."""
    best: dict[str, Probed] = {}
    for row in rows:
        known = best.get(row.target)
        if known is None or np.isnan(known.validation) or row.validation > known.validation:
            best[row.target] = row
    return list(best.values())


def _data(rows: Sequence[Probed], sample: Sample) -> dict[str, Any]:
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
        "targets": targets,
        "best": best_layers(rows),
        "probes": rows,
    }


def _best_table(rows: Sequence[Probed]) -> DataTable:
    return DataTable(
        title="Where each target is read best",
        key=["target"],
        caption=f"{_CAPTION}; layers chosen on validation layouts",
        spread="95 % intervals over layouts",
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
