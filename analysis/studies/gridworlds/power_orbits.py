"""The study `power-orbits`: closed forms of POWER, and what most reward functions prefer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from chisel.analysis.gridworlds import (
    ClosedForm,
    OrbitCount,
    closed_forms,
    orbit_counts,
    orbits_figure,
)
from chisel.analysis.results import (
    Request,
    as_config_errors,
    check_at_least,
    new_table,
    numbers,
    origin,
    save_figure,
    show,
    write_json,
)

STUDY = "power-orbits"


def run(
    *,
    gammas: str = "0,0.1,0.5,0.9,0.999,1",
    draws: int = 4,
    seed: int = 0,
    out: Path | str | None = None,
) -> Path:
    """Check POWER against closed forms, and count what the orbits of rewards prefer in figure 1.

    An orbit is a reward function under all 8! = 40,320 permutations of the states. The preference
    of one orbit proves nothing about others; a copy of one choice's futures in another's does.

    Args:
        gammas: Discounts of the closed forms, separated by commas.
        draws: Number of random reward functions whose orbits are counted.
        seed: Seed of the draws.
        out: Folder for the results; None is `studies/power-orbits`.

    Returns:
        The folder, with `power-orbits.json` and `power-orbits.png`.

    Raises:
        ConfigError: If a number is impossible.
    """
    asked = Request.of(STUDY, run, locals())
    check_at_least(1, draws=draws)
    check_at_least(0, seed=seed)
    with as_config_errors():
        forms = closed_forms(numbers("gammas", gammas))
        counts = orbit_counts(draws, np.random.default_rng(seed))
    plain = [one._asdict() | {"counts": one.counts._asdict()} for one in counts]
    results = {"closed_forms": [one._asdict() for one in forms], "orbits": plain}
    with asked.results(asked.folder()) as folder:
        write_json(folder / "power-orbits.json", origin(asked.command, seed) | results)
        save_figure(orbits_figure(forms, counts), folder / "power-orbits.png", asked.command)
    show(_forms_table(forms))
    show(_counts_table(counts))
    return folder


def _forms_table(forms: Sequence[ClosedForm]) -> Table:
    """Tabulate each quantity: its values over γ beside its formula."""
    gammas = sorted({form.gamma for form in forms})
    table = new_table(
        "rewards uniform on [0, 1]: as computed; furthest from the closed form",
        words=["world, quantity", "closed form"],
        numbers=[*(f"γ={gamma:g}" for gamma in gammas), "furthest"],
    )
    for world, quantity in dict.fromkeys((form.world, form.quantity) for form in forms):
        some = [form for form in forms if (form.world, form.quantity) == (world, quantity)]
        formulas = ", ".join(dict.fromkeys(form.formula for form in some))
        values = {form.gamma: f"{form.measured:.6f}" for form in some}
        furthest = max(abs(form.measured - form.exact) for form in some)
        shown = [values.get(gamma, "") for gamma in gammas]
        table.add_row(f"{world}, {quantity}", formulas, *shown, f"{furthest:.0e}")
    return table


def _counts_table(counts: Sequence[OrbitCount]) -> Table:
    table = new_table("figure 1: in how many of 40,320 permutations a choice alone is optimal")
    for heading in ("reward", "γ", "first", "second", "counts", "reference", "this orbit", "most?"):
        words = heading in ("reward", "first", "second", "most?")
        table.add_column(heading, justify="left" if words else "right")
    for one in counts:
        reference = "" if one.reference is None else "{} : {}".format(*one.reference)
        measured = f"{one.counts.more} : {one.counts.less}"
        agrees = "agrees" if one.counts.holds() else "disagrees"
        proof = f"proven, {one.proofs} to 1" if one.proofs else "not proven: no copy"
        names = (one.reward, f"{one.gamma:g}", one.more, one.less)
        table.add_row(*names, measured, reference, agrees, proof)
    return table
