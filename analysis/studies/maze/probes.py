"""The study `probes`: what linear probes predict about a maze from each layer of its agent."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table

from chisel.analysis.maze import logit_targets, sample_of, states_of
from chisel.analysis.maze.behaviour import text
from chisel.analysis.probes import INPUT, Probed, Sample, probe_layers, probes_figure
from chisel.analysis.results import (
    Request,
    keep_tables,
    maze_run,
    new_table,
    save_figure,
    take_agent,
    write_json,
)
from chisel.analysis.steering import policy_layers, shape_of
from chisel.configs import ConfigError, RunConfig
from chisel.envs.maze import observe_states
from chisel.models import Agent, build, to_tensor

STUDY = "probes"
_FEWEST = 20
"""Least number of levels for fitting, for validation and for testing."""
_AT_A_TIME = 512
_CAPTION = (
    "test layouts; score: share of the error of the best constant that the probe takes away (for "
    "numbers R²)"
)


def run(
    *,
    checkpoint: Path | str,
    layers: str = "all",
    levels: int = 1000,
    validation: int = 300,
    test: int = 500,
    seed: int = 0,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Fit a linear probe to every layer, for properties of the maze and the network's own logits.

    Ridge probes are fitted on training layouts, their penalty is chosen on validation layouts, and
    they are scored on test layouts, with the cheese anywhere and the mouse on a random square. Each
    is compared with a probe of a network with fresh weights, and one fitted to shuffled labels.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        layers: all on which the policy depends, or names separated by commas; `input` is the
            observation.
        levels: Number of mazes that probes are fitted on, one state of each.
        validation: Number of mazes that penalties are chosen on.
        test: Number of mazes that probes are scored on.
        seed: Seed of the mazes, the mouse's squares, fresh weights and shuffled labels.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/probes` of the run.

    Returns:
        The folder, with `probes.json`, `tables.json` and `probes.png`.

    Raises:
        ConfigError: If a layer is unknown, an option impossible, or there are too few mazes.
        CheckpointError: If there is no agent, or it is for another environment.
    """
    asked = Request.of(STUDY, run, locals())
    counts = {"levels": levels, "validation": validation, "test": test}
    for key, count in counts.items():
        if count < _FEWEST:
            raise ConfigError(f"{key}={count}: at least {_FEWEST}")
    agent = take_agent(checkpoint, env=env)
    config = maze_run(agent)
    names = _layers(agent, layers)
    sample = _sample(agent, config, list(counts.values()), seed)
    fresh = dataclasses.replace(agent, model=build(config.model, agent.spaces, seed=seed).eval())
    rows = probe_layers(agent, fresh, sample, names, np.random.default_rng([seed, 0x9B1]))
    data = asked.provenance(agent, config, seed=seed) | _plain(rows, sample, config)
    title = f"{config.experiment or agent.source.stem}: what a linear probe reads off each layer"
    origin = f"sha256 {agent.digest}, {asked.command}"
    with asked.results(asked.folder(agent)) as folder:
        write_json(folder / f"{STUDY}.json", data)
        save_figure(probes_figure(rows, title), folder / f"{STUDY}.png", origin)
        keep_tables(folder, [_best_table(rows), _layer_table(rows)])
    return folder


def best_layers(rows: Sequence[Probed]) -> list[Probed]:
    """Return, for each target, the row of the layer with the best score on validation layouts."""
    best: dict[str, Probed] = {}
    for row in rows:
        known = best.get(row.target)
        if known is None or np.isnan(known.chosen_at) or row.chosen_at > known.chosen_at:
            best[row.target] = row
    return list(best.values())


def _layers(agent: Agent, layers: str) -> list[str]:
    if layers == "all":
        return [INPUT, *policy_layers(agent)]
    names = layers.split(",")
    for name in names:
        if name != INPUT:
            shape_of(agent, name)
    return names


def _sample(agent: Agent, config: RunConfig, counts: Sequence[int], seed: int) -> Sample:
    sets = states_of(agent, config.env, counts, seed)
    observe = functools.partial(observe_states, config=config.env)
    with torch.inference_mode():
        obs = to_tensor(observe([state for one in sets for state in one]))
        logits = torch.cat([agent.policy(part) for part in torch.split(obs, _AT_A_TIME)])
    return sample_of(sets, observe, max(config.env.region, 1), logit_targets(logits))


def _plain(rows: Sequence[Probed], sample: Sample, config: RunConfig) -> dict[str, Any]:
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
        "best": [row.to_plain() for row in best_layers(rows)],
        "probes": [row.to_plain() for row in rows],
    }


def _best_table(rows: Sequence[Probed]) -> Table:
    table = new_table(
        title="Where each target is read best",
        caption=f"{_CAPTION}; layers chosen on validation layouts; 95 % intervals over layouts",
        words=("target", "layer"),
        numbers=("score", "untrained", "shuffled", "trained − untrained"),
    )
    for row in best_layers(rows):
        cells = (text(one, 2) for one in (row.score, row.untrained, row.shuffled, row.gain))
        table.add_row(row.target, row.layer, *cells)
    return table


def _layer_table(rows: Sequence[Probed]) -> Table:
    targets = list(dict.fromkeys(row.target for row in rows))
    table = new_table(
        title="Score by layer",
        caption=f"{_CAPTION}; controls and intervals are in the figure and in the JSON file",
        words=["layer"],
        numbers=[target.replace("-", " ") for target in targets],
    )
    table.columns[0].no_wrap = True
    for layer in dict.fromkeys(row.layer for row in rows):
        own = {row.target: row for row in rows if row.layer == layer}
        table.add_row(layer, *(f"{own[target].score.value:.2f}" for target in targets))
    return table
