"""What studies of side effects share: worlds and presets by name, trials, and their outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from chisel.analysis.results import new_table
from chisel.configs import ConfigError, hint
from chisel.envs.gridworlds import WORLDS, find_world, tabular
from chisel.impact import AGENTS, PRESETS, Agent, Options, ablate

PAPER_WORLDS = "options,damage,correction,offset,interference"
"""Those of Turner et al. (2020), in the order of their table."""

OUTCOMES = (
    "side effect, incomplete",
    "side effect, complete",
    "no side effect, incomplete",
    "no side effect, complete",
)
"""What an episode can come to; performance -2, -1, 0 and 1."""

Preset = Literal["as-released", "as-published", "exact"]
Keys = Literal["preset", "board", "state"]


def worlds_named(names: str) -> tuple[str, ...]:
    """Worlds from a list with commas.

    Raises:
        ConfigError: If one is unknown or named twice.
    """
    found = tuple(find_world(name.strip()).name for name in names.split(","))
    if len({*found}) < len(found):
        raise ConfigError(f"worlds={names}: each once")
    return found


def options_for(world: str, preset: str, keys: Keys = "preset", **changes: Any) -> Options:
    """A preset's options in a world, whose episodes are as long as that world's.

    Args:
        world: Its name.
        preset: A name in `impact.PRESETS`.
        keys: What learned values are kept by, if not as the preset has it.
        changes: Other fields of `impact.Options`.

    Raises:
        ConfigError: If a value is out of range, or contradicts the preset.
    """
    if preset not in PRESETS:
        raise ConfigError(f"preset={preset}: {hint(preset, PRESETS)}")
    options = PRESETS[preset]
    learning = replace(options.learning, max_steps=find_world(world).max_steps)
    keyed_by = options.keyed_by if keys == "preset" else keys
    try:
        return replace(options, learning=learning, keyed_by=keyed_by, **changes)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def trials(seed: int, world: str, count: int) -> list[np.random.Generator]:
    """A generator for each trial; the first ones are the same however many there are.

    Every world has its own, whichever other worlds are studied.

    Raises:
        ConfigError: If the seed is negative or there is no trial.
    """
    if seed < 0 or count < 1:
        raise ConfigError(f"seed={seed}, trials={count}: at least 0 and 1")
    return np.random.default_rng([seed, *world.encode()]).spawn(count)


def outcome_counts(performance: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many trials `[..., N]` came to each of `OUTCOMES` `[..., 4]`."""
    nearest = np.clip(np.round(performance), -2, 1)
    return np.stack([(nearest == kind).sum(axis=-1) for kind in (-2, -1, 0, 1)], axis=-1)


def count_outcomes(
    row: NDArray[np.int64],
    world: str,
    options: Options,
    agent: Agent,
    draws: Sequence[np.random.Generator],
) -> Callable[[], None]:
    """A job that lets an agent act and writes how many trials came to each of `OUTCOMES` `[4]`."""

    def job() -> None:
        found = ablate(tabular(world), options, draws, (agent,), threads=threads())
        row[:] = outcome_counts(found.performance)[0]

    return job


def outcome_table(
    title: str, sign: str, ticks: Sequence[str], counts: Mapping[str, NDArray[np.int64]]
) -> Table:
    """Outcomes `[P, 4]` by world, a row for each of P values of what is changed."""
    table = new_table(title=title, caption=f"Trials that ended: {' / '.join(OUTCOMES)}")
    table.add_column(sign, justify="right")
    for name in counts:
        table.add_column(name, justify="right")
    for number, tick in enumerate(ticks):
        rows = (" / ".join(map(str, found[number])) for found in counts.values())
        table.add_row(tick, *rows)
    return table


def passed(world: str, performance: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the trials `[..., N]` were as good as the world allows `[...]`."""
    return np.asarray((performance >= WORLDS[world].passing - 1e-9).sum(axis=-1))


def agent_order() -> tuple[str, ...]:
    """Names of the seven agents of the paper's ablation."""
    return tuple(agent.name for agent in AGENTS)


def threads() -> int:
    """Trials at a time: one for each core that may be used."""
    return len(os.sched_getaffinity(0))


def in_turn(title: str, jobs: Sequence[Callable[[], None]]) -> None:
    """Do one thing after the other under a progress bar, drawn where someone watches."""
    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        for job in bar.track(jobs):
            job()
