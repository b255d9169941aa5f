"""The study `aup-sweep`: vary discount, weight and number of rewards of model-free AUP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chisel.analysis.gridworlds import (
    OUTCOMES,
    PAPER_WORLDS,
    Keys,
    Preset,
    outcome_figure,
    side_effects,
)
from chisel.analysis.results import Count, ProgressCallback, Result, Seed
from chisel.impact import MODEL_FREE, Options

_Swept = Literal["gamma", "lambda", "rewards"]

GRIDS: Mapping[str, tuple[float, ...]] = {
    "gamma": tuple(1 - 2.0**-n for n in range(3, 11)),
    "lambda": tuple(1 / (0.001 + 0.3 * n) for n in range(10)),
    "rewards": tuple(range(0, 50, 5)),
}
"""Values of γ, λ and |R| in the released code."""

_FIELDS = {"gamma": "gamma", "lambda": "lam", "rewards": "n_rewards"}
_SIGNS = {"gamma": "γ", "lambda": "λ", "rewards": "|R|"}


def run(
    *,
    over: tuple[_Swept, ...] = ("gamma", "lambda", "rewards"),
    trials: Count = 25,
    worlds: tuple[str, ...] = PAPER_WORLDS,
    preset: Preset = "as-released",
    keys: Keys = "preset",
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Let model-free AUP act with one option changed at a time (Turner et al. 2020, figure 4).

    Args:
        over: Options to change: the discount, λ, and the number of auxiliary rewards.
        trials: Number of trials for each value in each world, each with its own auxiliary rewards.
        worlds: Gridworlds.
        preset: Preset of all other options; see `aup-ablation`.
        keys: Whether learned values are kept by board or by state; `preset` does as the preset.
        seed: Seed of all random draws.
        progress: Called with a label, the amount done and the amount wanted.

    Returns:
        The number of trials with each outcome, a table for each option, and a figure.

    Raises:
        ConfigError: If a world is unknown, or the keys do not fit the preset.
    """
    options = {name: side_effects.options_for(name, preset, keys) for name in worlds}
    points: dict[tuple[str, str], list[Options]] = {
        (one, name): [
            side_effects.options_for(name, preset, keys, **{_FIELDS[one]: value})
            for value in GRIDS[one]
        ]
        for one in over
        for name in worlds
    }
    counts = side_effects.count_outcomes(points, MODEL_FREE, seed, trials, progress)
    data = {
        "options": options,
        "outcomes": OUTCOMES,
        "sweeps": [
            {"over": one, "world": name, "values": GRIDS[one], "counts": rows}
            for (one, name), rows in counts.items()
        ],
    }
    tables = {
        f"by-{one}": side_effects.outcome_table(
            f"Model-free AUP by {_SIGNS[one]}",
            _SIGNS[one],
            GRIDS[one],
            {name: counts[one, name] for name in worlds},
        )
        for one in over
    }
    figure = outcome_figure(
        {(_SIGNS[one], name): rows for (one, name), rows in counts.items()},
        {_SIGNS[one]: GRIDS[one] for one in over},
        f"Model-free AUP, {preset}, {trials} trials a bar",
    )
    return Result(data, tables, {"aup-sweep": figure})
