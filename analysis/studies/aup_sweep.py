"""The study `aup-sweep`: model-free AUP by discount, weight and number of auxiliary rewards."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from analysis import side_effects
from analysis.aup_figures import outcome_figure
from analysis.figures import save_figure
from analysis.output import make_folder, show, write_json
from analysis.side_effects import OUTCOMES, PAPER_WORLDS, Keys, Preset
from configs import ConfigError, hint
from envs.gridworlds import tabular
from impact import MODEL_FREE, Options, ablate

STUDY = "aup-sweep"

GRIDS: Mapping[str, tuple[float, ...]] = {
    "gamma": tuple(1 - 2.0**-n for n in range(3, 11)),
    "lambda": tuple(1 / (0.001 + 0.3 * n) for n in range(10)),
    "rewards": tuple(range(0, 50, 5)),
}
"""The released code's: γ, λ and |R|."""

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
        over: Which options, with commas between: gamma, lambda, rewards (how many there are).
        trials: For each value in each world, each with auxiliary rewards of its own.
        worlds: Which, with commas between.
        preset: All other options; see `aup-ablation`.
        keys: Learned values are kept by board or by state; preset leaves that to the preset.
        seed: Of everything drawn.
        out: Folder for the results; None is `studies/aup-sweep`.

    Returns:
        The folder, with `aup-sweep.json` and `aup-sweep.png`.

    Raises:
        ConfigError: If an option is impossible.
    """
    names, swept = side_effects.worlds_named(worlds), _swept(over)
    settings = {
        (one, name): [
            side_effects.options_for(name, preset, keys, **{_FIELDS[one]: value})
            for value in GRIDS[one]
        ]
        for one in swept
        for name in names
    }
    side_effects.trials(seed, names[0], trials)  # refused before the folder is made
    words = {"over": over, "trials": trials, "worlds": worlds, "preset": preset}
    words |= {"keys": keys, "seed": seed}
    command = shlex.join(["chisel", "study", STUDY, *(f"{k}={v}" for k, v in words.items())])
    folder = make_folder(Path(out) if out is not None else Path("studies") / STUDY)
    counts = {key: np.zeros((len(points), 4), np.int64) for key, points in settings.items()}
    jobs = [
        _job(counts[one, name][number], name, options, side_effects.trials(seed, name, trials))
        for (one, name), points in settings.items()
        for number, options in enumerate(points)
    ]
    side_effects.in_turn("points", jobs)
    data = {
        "command": command,
        "options": {n: asdict(side_effects.options_for(n, preset, keys)) for n in names},
        "outcomes": OUTCOMES,
        "sweeps": [
            {"over": one, "world": name, "values": GRIDS[one], "counts": found.tolist()}
            for (one, name), found in counts.items()
        ],
    }
    write_json(folder / f"{STUDY}.json", data)
    panels = {(_SIGNS[one], name): found for (one, name), found in counts.items()}
    ticks = {_SIGNS[one]: [_number(value) for value in GRIDS[one]] for one in swept}
    title = f"Model-free AUP, {preset}, {trials} trials a bar"
    save_figure(outcome_figure(panels, ticks, title), folder / f"{STUDY}.png", command)
    for one in swept:
        show(_table(one, {name: counts[one, name] for name in names}))
    return folder


def _swept(over: str) -> list[str]:
    found = [one.strip() for one in over.split(",")]
    for one in found:
        if one not in GRIDS:
            raise ConfigError(f"over={one}: {hint(one, GRIDS)}")
    return list(dict.fromkeys(found))


def _job(
    row: NDArray[np.int64], name: str, options: Options, draws: Sequence[np.random.Generator]
) -> Callable[[], None]:
    def job() -> None:
        threads = side_effects.threads()
        found = ablate(tabular(name), options, draws, (MODEL_FREE,), threads=threads)
        row[:] = side_effects.outcome_counts(found.performance)[0]

    return job


def _table(one: str, counts: Mapping[str, NDArray[Any]]) -> Table:
    title = f"Model-free AUP by {_SIGNS[one]}"
    table = Table(title=title, caption=f"Trials that ended: {' / '.join(OUTCOMES)}")
    table.add_column(_SIGNS[one], justify="right")
    for name in counts:
        table.add_column(name, justify="right")
    for number, value in enumerate(GRIDS[one]):
        rows = (" / ".join(map(str, found[number])) for found in counts.values())
        table.add_row(_number(value), *rows)
    return table


def _number(value: float) -> str:
    return f"{value:.4g}".removeprefix("0") if value else "0"
