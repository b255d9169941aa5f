"""The study `power-map`: POWER by where the agent is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from chisel import impact
from chisel.analysis.gridworlds import (
    CellPower,
    Place,
    Reference,
    StatePower,
    beside_reference,
    by_cell,
    find_place,
    map_figure,
    penalty_figure,
    state_power,
)
from chisel.analysis.results import (
    Request,
    as_config_errors,
    check_at_least,
    new_table,
    none_if_nan,
    origin,
    save_figure,
    show,
    t_quantile,
    write_json,
)
from chisel.configs import ConfigError
from chisel.envs.gridworlds import ACTIONS

STUDY = "power-map"
_ALL, _START = "mean over all states", "all else as at the start"
_SHOWN = 5
"""Number of cells at either end of the table."""


def run(
    *,
    world: str = "options",
    gamma: float = 0.9,
    draws: int = 10_000,
    seed: int = 0,
    out: Path | str | None = None,
) -> Path:
    """Map POWER over a gridworld, and compare the AUP penalty of each action with what it changes.

    Rewards are independent and uniform on [0, 1], one for each state.

    Args:
        world: A gridworld such as options, damage or options-endless; or gridN, an empty square.
        gamma: Discount in [0, 1].
        draws: Number of random reward functions, for states that cannot be integrated exactly.
        seed: Seed of the draws.
        out: Folder for the results; None is `studies/power-map`.

    Returns:
        The folder, with `power-map.json`, `power-map.png` and `penalty-and-power.png`.

    Raises:
        ConfigError: If the world is unknown or a number is impossible.
    """
    asked = Request.of(STUDY, run, locals())
    if not 0 <= gamma <= 1:
        raise ConfigError(f"gamma={gamma}: between 0 and 1")
    check_at_least(2, draws=draws)
    check_at_least(0, seed=seed)
    place = find_place(world)
    with as_config_errors():
        power = state_power(place, gamma, draws, np.random.default_rng(seed))
        relation = impact.penalty_and_power(
            place.next_state, place.noop, gamma, draws, np.random.default_rng([seed, 1])
        )
    maps = {_ALL: by_cell(place, power, np.ones(len(power.mean), bool))}
    if not place.unchanged.all():
        maps[_START] = by_cell(place, power, place.unchanged)
    reference = beside_reference(place, power, gamma, draws)
    results = _plain(place, power, maps, relation, reference)
    title = f"POWER of {world}, γ = {gamma:g}"
    scatter = penalty_figure(
        relation,
        place.noop,
        gamma,
        ACTIONS,
        f"{world}, γ = {gamma:g}: rank correlation {relation.rank_correlation:.2f}",
    )
    with asked.results(asked.folder()) as folder:
        write_json(folder / "power-map.json", origin(asked.command, seed) | asked.options | results)
        save_figure(map_figure(place, maps, title), folder / "power-map.png", asked.command)
        save_figure(scatter, folder / "penalty-and-power.png", asked.command)
    show(_ends(maps, title, draws))
    if reference:
        show(_beside(reference))
    show(_summary(power, relation, draws))
    return folder


def _plain(
    place: Place,
    power: StatePower,
    maps: Mapping[str, CellPower],
    relation: impact.PenaltyAndPower,
    reference: list[Reference],
) -> dict[str, Any]:
    states = zip(
        place.cell.tolist(),
        power.mean.tolist(),
        power.standard_error.tolist(),
        power.exact.tolist(),
        place.unchanged.tolist(),
        strict=True,
    )
    keys = ("cell", "power", "standard_error", "exact", "all_else_as_at_start")
    return {
        "states": [dict(zip(keys, one, strict=True)) for one in states],
        "cells": {name: list(_cells(one)) for name, one in maps.items()},
        "furthest_sampled_from_exact_in_standard_errors": none_if_nan(power.furthest),
        "reference": [asdict(one) for one in reference],
        "penalty_and_power": {
            "penalty": relation.penalty.tolist(),
            "penalty_standard_error": relation.penalty_error.tolist(),
            "power_change": relation.power_change.tolist(),
            "power_change_standard_error": relation.power_error.tolist(),
            "rank_correlation": none_if_nan(relation.rank_correlation),
        },
    }


def _cells(cells: CellPower) -> list[dict[str, Any]]:
    """Return the cells with states, highest POWER first."""
    found = [
        {
            "cell": [int(row), int(column)],
            "power": float(cells.mean[row, column]),
            "standard_error": float(cells.standard_error[row, column]),
            "states": int(cells.states[row, column]),
        }
        for row, column in np.argwhere(cells.states)
    ]
    return sorted(found, key=lambda one: -one["power"])


def _ends(maps: Mapping[str, CellPower], title: str, draws: int) -> Table:
    """Tabulate the highest and the lowest cells of each map."""
    numbers = ["row, column", "POWER", "95 %", "states"]
    table = new_table(f"{title}: highest and lowest cells", words=["map"], numbers=numbers)
    for name, cells in maps.items():
        ordered = _cells(cells)
        middle = len(ordered) - 2 * _SHOWN
        for number, one in enumerate(ordered):
            if number < _SHOWN or number >= len(ordered) - _SHOWN:
                row, column = one["cell"]
                half = f"± {t_quantile(draws) * one['standard_error']:.4f}"
                half = half if one["standard_error"] else "exact"
                value = f"{one['power']:.4f}"
                table.add_row(name, f"{row}, {column}", value, half, str(one["states"]))
            elif number == _SHOWN:
                table.add_row("", "…", f"({middle} more)", "", "")
        table.add_section()
    return table


def _beside(rows: list[Reference]) -> Table:
    table = new_table(
        "beside the reference values, 50,000 draws",
        words=["cell"],
        numbers=["POWER", "reference", "difference", "3 σ", "agrees"],
    )
    for one in rows:
        difference = one.measured - one.reference
        values = (one.measured, one.reference)
        agrees = "yes" if abs(difference) <= one.three_sigma else "no"
        shown = [f"{value:.4f}" for value in values]
        table.add_row(one.where, *shown, f"{difference:+.4f}", f"{one.three_sigma:.4f}", agrees)
    return table


def _summary(power: StatePower, relation: impact.PenaltyAndPower, draws: int) -> Table:
    table = new_table("in short")
    table.show_header = False
    exact, states = int(power.exact.sum()), len(power.exact)
    table.add_row("states", f"{states}, of them {exact} exact, the others from {draws:,} draws")
    if exact:
        table.add_row("sampled against exact", f"at most {power.furthest:.1f} σ apart")
    table.add_row(
        "AUP penalty and |change in POWER|",
        f"rank correlation {relation.rank_correlation:.3f} over states and actions",
    )
    return table
