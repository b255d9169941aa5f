"""The study `power-orbits`: check closed forms of POWER, and the preferences of most rewards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chisel.analysis.gridworlds import (
    ClosedForm,
    OrbitCount,
    closed_forms,
    orbit_counts,
    orbits_figure,
)
from chisel.analysis.results import Count, DataTable, Result, Seed, Share


def run(
    *,
    gammas: tuple[Share, ...] = (0.0, 0.1, 0.5, 0.9, 0.999, 1.0),
    draws: Count = 4,
    seed: Seed = 0,
) -> Result:
    """Check POWER against closed forms, and count the preferences of orbits of rewards in figure 1.

    The figure is that of Turner et al. (2021). An orbit is a reward function under all 8! = 40,320
    permutations of the states. The preference of one orbit proves nothing about other orbits; a
    copy of one choice's futures among those of another does.

    Args:
        gammas: Discounts of the closed forms.
        draws: Number of random reward functions whose orbits are counted.
        seed: Seed of the draws.

    Returns:
        Computed and closed forms, counts of the orbits, a table of each, and a figure.
    """
    forms = closed_forms(gammas)
    counts = orbit_counts(draws, np.random.default_rng(seed))
    return Result(
        data={"closed_forms": forms, "orbits": counts},
        tables={"closed-forms": _forms_table(forms), "orbits": _counts_table(counts)},
        figures={"power-orbits": orbits_figure(forms, counts)},
    )


def _forms_table(forms: Sequence[ClosedForm]) -> DataTable:
    """Tabulate the values of each quantity over γ, beside its formula."""
    values = {form.gamma: f"γ={form.gamma:g}" for form in sorted(forms, key=lambda one: one.gamma)}
    rows: list[dict[str, Any]] = []
    for world, quantity in dict.fromkeys((form.world, form.quantity) for form in forms):
        some = [form for form in forms if (form.world, form.quantity) == (world, quantity)]
        rows.append(
            {
                "world": world,
                "quantity": quantity,
                "closed form": ", ".join(dict.fromkeys(form.formula for form in some)),
                **dict.fromkeys(values.values()),
                **{values[form.gamma]: form.measured for form in some},
                "furthest": max(abs(form.measured - form.exact) for form in some),
            }
        )
    return DataTable(
        "rewards uniform on [0, 1]: as computed; furthest from the closed form",
        rows,
        form=dict.fromkeys(values.values(), ".6f") | {"furthest": ".0e"},
    )


def _counts_table(counts: Sequence[OrbitCount]) -> DataTable:
    rows = [
        {
            "reward": one.reward,
            "γ": one.gamma,
            "first": one.more,
            "second": one.less,
            "first alone": one.counts.more,
            "second alone": one.counts.less,
            "reference, first": one.reference and one.reference[0],
            "reference, second": one.reference and one.reference[1],
            "this orbit agrees": one.counts.holds(),
            "proven, n to 1": one.proofs,
        }
        for one in counts
    ]
    return DataTable(
        "figure 1: in how many of 40,320 permutations a choice alone is optimal",
        rows,
        "n: copies of the second's futures in the first's; they prove that most rewards prefer the "
        "first, n to 1; 0 proves nothing",
        {"γ": "g"},
    )
