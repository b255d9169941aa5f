"""Run trials of agents in the side-effect gridworlds, and count their outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.results import (
    DataTable,
    Estimate,
    ProgressCallback,
    as_config_errors,
    counted,
    proportion,
)
from chisel.envs.gridworlds import find_world, tabular
from chisel.impact import PRESETS, Agent, Options, Outcomes, ablate

PAPER_WORLDS = ("options", "damage", "correction", "offset", "interference")
"""Worlds of Turner et al. (2020), in the order of their table."""

OUTCOMES = (
    "side effect, incomplete",
    "side effect, complete",
    "no side effect, incomplete",
    "no side effect, complete",
)
"""Names of the outcomes of an episode, for a performance of -2, -1, 0 and 1."""

Preset = Literal["as-released", "as-published", "exact"]
Keys = Literal["preset", "board", "state"]

Points = Mapping[tuple[str, str], Sequence[Options]]
"""Options of the points at which an agent acts, by setting and world."""

Counts = dict[tuple[str, str], NDArray[np.int64]]
"""Number of trials of each point with each of `OUTCOMES` `[P, 4]`, by setting and world."""


def options_for(world: str, preset: Preset, keys: Keys = "preset", **changes: Any) -> Options:
    """Return the options of a preset, with episodes as long as those of a world.

    Args:
        world: Name of the world.
        preset: Name in `impact.PRESETS`.
        keys: Whether learned values are kept by board or by state; `preset` does as the preset.
        changes: Other fields of `impact.Options`.

    Raises:
        ConfigError: If the world is unknown, or a value is out of range or contradicts the preset.
    """
    options = PRESETS[preset]
    learning = replace(options.learning, max_steps=find_world(world).max_steps)
    keyed_by = options.keyed_by if keys == "preset" else keys
    with as_config_errors():
        options = replace(options, learning=learning, keyed_by=keyed_by, **changes)
    return options


def trials(seed: int, world: str, count: int) -> list[np.random.Generator]:
    """Return a generator for each trial.

    The generators of the first trials do not depend on the number of trials, nor those of one world
    on the other worlds that are studied.
    """
    return np.random.default_rng([seed, *world.encode()]).spawn(count)


def run_trials(
    world: str, options: Options, agents: Sequence[Agent], seed: int, count: int
) -> Outcomes:
    """Let agents act in a world, with as many trials at a time as there are cores.

    Args:
        world: Name of the world.
        options: Options of all agents.
        agents: Agents to run.
        seed: Seed of the trials.
        count: Number of trials of each agent.
    """
    given = trials(seed, world, count)
    return ablate(tabular(world), options, given, agents, threads=torch.get_num_threads())


def outcome_counts(performance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count the trials `[..., N]` with each of `OUTCOMES` `[..., 4]`."""
    nearest = np.clip(np.round(performance), -2, 1)
    return np.stack([(nearest == kind).sum(axis=-1) for kind in (-2, -1, 0, 1)], axis=-1)


def count_outcomes(
    points: Points, agent: Agent, seed: int, count: int, progress: ProgressCallback
) -> Counts:
    """Let an agent act at each point, and count the outcomes.

    Args:
        points: Options by setting and world.
        agent: Agent that acts.
        seed: Seed of the trials, which are the same at all points of a world.
        count: Number of trials at each point.
        progress: Called with a label, the amount done and the amount wanted.
    """
    counts = {key: np.zeros((len(options), 4), np.int64) for key, options in points.items()}
    jobs = [(key, number) for key, options in points.items() for number in range(len(options))]
    for key, number in counted(jobs, "points", progress):
        found = run_trials(key[1], points[key][number], (agent,), seed, count)
        counts[key][number] = outcome_counts(found.performance)[0]
    return counts


def outcome_table(
    title: str, sign: str, values: Sequence[float], counts: Mapping[str, NDArray[np.int64]]
) -> DataTable:
    """Tabulate outcomes `[P, 4]` by world, with a row for each of P values of an option.

    Args:
        title: Title of the table.
        sign: Sign of the option, such as λ.
        values: Values of the option.
        counts: Outcomes by world.
    """
    rows = [
        {"world": world, sign: value, **dict(zip(OUTCOMES, numbers, strict=True))}
        for world, found in counts.items()
        for value, numbers in zip(values, found.tolist(), strict=True)
    ]
    return DataTable(title, rows, "number of trials that ended so", form={sign: ".4g"})


def share_of_passes(world: str, performance: Sequence[float] | NDArray[np.float64]) -> Estimate:
    """Estimate the share of trials `[N]` with the best performance, with Wilson's interval."""
    passed = np.asarray(performance) >= find_world(world).passing - 1e-9
    return proportion(int(passed.sum()), len(passed))
