"""The study `power-map`: map POWER by the agent's cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pandas as pd

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
from chisel.analysis.results import DataTable, Estimate, Result, Seed, Share, Within, t_quantile
from chisel.envs.gridworlds import ACTIONS

_ALL, _START = "mean over all states", "all else as at the start"
_SHOWN = 5
"""Number of cells at each end of the table."""


def run(
    *,
    world: str = "options",
    gamma: Share = 0.9,
    draws: Annotated[int, Within(2)] = 10_000,
    seed: Seed = 0,
) -> Result:
    """Map POWER over a gridworld, and compare each action's AUP penalty with its change of POWER.

    Rewards are independent and uniform on [0, 1], one for each state.

    Args:
        world: A gridworld such as options, damage or options-endless; or gridN, an empty square
            with N cells a side.
        gamma: Discount.
        draws: Number of random reward functions, for states that cannot be integrated exactly.
        seed: Seed of the draws.

    Returns:
        POWER by state and by cell, the penalty and the change of each action, tables, and figures
        of both.

    Raises:
        ConfigError: If the world is unknown.
    """
    place = find_place(world)
    power = state_power(place, gamma, draws, np.random.default_rng(seed))
    relation = impact.penalty_and_power(
        place.next_state, place.noop, gamma, draws, np.random.default_rng([seed, 1])
    )
    maps = {_ALL: by_cell(place, power, np.ones(len(power.mean), bool))}
    if not place.unchanged.all():
        maps[_START] = by_cell(place, power, place.unchanged)
    cells = {name: _cells(one) for name, one in maps.items()}
    reference = beside_reference(place, power, gamma, draws)
    title = f"POWER of {world}, γ = {gamma:g}"
    table = _cell_table(cells, title, draws)
    shown = [row for row in table.rows if row["rank"] <= _SHOWN or row["rank"] > row["of"] - _SHOWN]
    tables = {
        "highest-and-lowest": replace(table, title=f"{title}: highest and lowest cells", rows=shown)
    }
    if reference:
        tables["reference"] = _reference_table(reference)
    tables["summary"] = _summary(power, relation, draws)
    correlation = f"{world}, γ = {gamma:g}: rank correlation {relation.rank_correlation:.2f}"
    return Result(
        data=_data(place, power, relation) | {"cells": cells, "reference": reference},
        tables=tables,
        figures={
            "power-map": map_figure(place, maps, title),
            "penalty-and-power": penalty_figure(relation, place.noop, gamma, ACTIONS, correlation),
        },
        frames={"cells": table.frame},
    )


def _data(place: Place, power: StatePower, relation: impact.PenaltyAndPower) -> dict[str, Any]:
    states = {
        "cell": place.cell.tolist(),
        "power": power.mean,
        "standard_error": power.standard_error,
        "exact": power.exact,
        "all_else_as_at_start": place.unchanged,
    }
    return {
        "states": pd.DataFrame(states).to_dict("records"),
        "furthest_sampled_from_exact_in_standard_errors": power.furthest,
        "penalty_and_power": {
            "penalty": relation.penalty,
            "penalty_standard_error": relation.penalty_error,
            "power_change": relation.power_change,
            "power_change_standard_error": relation.power_error,
            "rank_correlation": relation.rank_correlation,
        },
    }


def _cells(cells: CellPower) -> list[dict[str, Any]]:
    """Return the cells with states, highest POWER first."""
    found = [
        {
            "cell": list(cell),
            "power": float(cells.mean[cell]),
            "standard_error": float(cells.standard_error[cell]),
            "states": int(states),
        }
        for cell, states in np.ndenumerate(cells.states)
        if states
    ]
    return sorted(found, key=lambda one: -one["power"])


def _cell_table(
    cells: Mapping[str, Sequence[Mapping[str, Any]]], title: str, draws: int
) -> DataTable:
    """Tabulate all cells of each map."""
    rows = []
    for name, found in cells.items():
        for number, one in enumerate(found):
            (row, column), power = one["cell"], one["power"]
            half = t_quantile(draws) * one["standard_error"]
            rows.append(
                {
                    "map": name,
                    "rank": number + 1,
                    "of": len(found),
                    "row": row,
                    "column": column,
                    "POWER": Estimate(power, power - half, power + half, draws),
                    "states": one["states"],
                }
            )
    caption = f"95 % intervals from {draws:,} draws (Student's t); without a width where exact"
    return DataTable(title, rows, caption, ".4f")


def _reference_table(references: Sequence[Reference]) -> DataTable:
    rows = [
        {
            "cell": one.where,
            "POWER": one.measured,
            "reference": one.reference,
            "difference": one.measured - one.reference,
            "3 σ": one.three_sigma,
            "agrees": abs(one.measured - one.reference) <= one.three_sigma,
        }
        for one in references
    ]
    form = {"POWER": ".4f", "reference": ".4f", "difference": "+.4f", "3 σ": ".4f"}
    return DataTable("beside the reference values, 50,000 draws", rows, form=form)


def _summary(power: StatePower, relation: impact.PenaltyAndPower, draws: int) -> DataTable:
    row = {
        "states": len(power.exact),
        "exact states": int(power.exact.sum()),
        "draws for the others": draws,
        "sampled from exact, σ": power.furthest,
        "rank correlation": relation.rank_correlation,
    }
    caption = (
        "σ: the largest distance in standard errors; rank correlation of AUP's penalty with "
        "|change in POWER|, over states and actions"
    )
    form = {"sampled from exact, σ": ".1f", "rank correlation": ".3f"}
    return DataTable("in short", [row], caption, form)
