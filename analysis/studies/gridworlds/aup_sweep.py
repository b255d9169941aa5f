"""The study `aup-sweep`: model-free AUP by discount, weight and number of auxiliary rewards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from chisel.analysis.gridworlds import (
    OUTCOMES,
    PAPER_WORLDS,
    Keys,
    Preset,
    outcome_figure,
    side_effects,
)
from chisel.analysis.results import Request, save_figure, show, write_json
from chisel.configs import ConfigError, hint
from chisel.impact import MODEL_FREE

STUDY = "aup-sweep"

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
    over: str = "gamma,lambda,rewards",
    trials: int = 25,
    worlds: str = PAPER_WORLDS,
    preset: Preset = "as-released",
    keys: Keys = "preset",
    seed: int = 0,
    out: Path | str | None = None,
) -> Path:
    """Let model-free AUP act with one option changed at a time (Turner et al. 2020, figure 4).

    Args:
        over: Options to change, separated by commas: gamma, lambda, rewards (their number).
        trials: Number of trials for each value in each world, each with its own auxiliary rewards.
        worlds: Names of worlds, separated by commas.
        preset: Preset of all other options; see `aup-ablation`.
        keys: Whether learned values are kept by board or by state; preset leaves that to it.
        seed: Seed of all random draws.
        out: Folder for the results; None is `studies/aup-sweep`.

    Returns:
        The folder, with `aup-sweep.json` and `aup-sweep.png`.

    Raises:
        ConfigError: If an option is impossible.
    """
    asked = Request.of(STUDY, run, locals())
    names, swept = side_effects.worlds_named(worlds), _swept(over)
    settings = {
        (one, name): [
            side_effects.options_for(name, preset, keys, **{_FIELDS[one]: value})
            for value in GRIDS[one]
        ]
        for one in swept
        for name in names
    }
    side_effects.trials(seed, names[0], trials)  # refuses numbers before the folder is made
    folder = asked.folder()
    counts = side_effects.count_outcomes(settings, MODEL_FREE, seed, trials)
    data = {
        "command": asked.command,
        "options": {n: asdict(side_effects.options_for(n, preset, keys)) for n in names},
        "outcomes": OUTCOMES,
        "sweeps": [
            {"over": one, "world": name, "values": GRIDS[one], "counts": rows.tolist()}
            for (one, name), rows in counts.items()
        ],
    }
    panels = {(_SIGNS[one], name): rows for (one, name), rows in counts.items()}
    ticks = {_SIGNS[one]: [_number(value) for value in GRIDS[one]] for one in swept}
    title = f"Model-free AUP, {preset}, {trials} trials a bar"
    with asked.results(folder):
        write_json(folder / f"{STUDY}.json", data)
        save_figure(outcome_figure(panels, ticks, title), folder / f"{STUDY}.png", asked.command)
    for one in swept:
        heading, of_each = f"Model-free AUP by {_SIGNS[one]}", {n: counts[one, n] for n in names}
        show(side_effects.outcome_table(heading, _SIGNS[one], ticks[_SIGNS[one]], of_each))
    return folder


def _swept(over: str) -> list[str]:
    found = [one.strip() for one in over.split(",")]
    for one in found:
        if one not in GRIDS:
            raise ConfigError(f"over={one}: {hint(one, GRIDS)}")
    return list(dict.fromkeys(found))


def _number(value: float) -> str:
    return f"{value:.4g}".removeprefix("0") if value else "0"
