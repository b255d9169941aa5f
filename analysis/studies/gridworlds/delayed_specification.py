"""The study `delayed-specification`: AUP's score when the true reward is revealed later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from chisel.analysis.gridworlds import (
    REFERENCE,
    Regret,
    Residual,
    Setting,
    find_task,
    residuals,
    residuals_figure,
)
from chisel.analysis.results import (
    Request,
    as_config_errors,
    check_at_least,
    mean_over_seeds,
    new_table,
    origin,
    save_figure,
    show,
    write_json,
)
from chisel.configs import ConfigError, hint
from chisel.impact import Revelation

STUDY = "delayed-specification"
_WORLDS = ("options", "damage")


def run(
    *,
    worlds: str = "options,damage",
    gamma: float = 0.996,
    time: int = 10,
    weight: float = 0.01,
    auxiliary: int = 15,
    draws: int = 1000,
    seeds: int = 20,
    seed: int = 0,
    out: Path | str | None = None,
) -> Path:
    """Compare AUP with the standard and the best agent while the true reward is not known.

    The true reward is revealed after exactly `time` steps, or with chance 1/`time` in every step,
    or after 1 to 2 `time` - 1 steps, each as likely: `time` on average in all three.

    Args:
        worlds: options, damage or both, separated by commas; neither ends at the goal.
        gamma: Discount, at least 0 and below 1.
        time: Mean number of steps until the true reward is revealed.
        weight: AUP's λ, for a penalty that is summed over auxiliary rewards.
        auxiliary: Number of auxiliary rewards of each AUP agent, uniform on [0, 1] in each state.
        draws: Number of random rewards, uniform as well, that may turn out to be true.
        seeds: Number of AUP agents, each with auxiliary rewards of its own.
        seed: Seed of all random draws.
        out: Folder for the results; None is `studies/delayed-specification`.

    Returns:
        The folder, with `delayed-specification.json` and `delayed-specification.png`.

    Raises:
        ConfigError: If a world is unknown or a number is impossible.
    """
    asked = Request.of(STUDY, run, locals())
    names = [name.strip() for name in worlds.split(",")]
    for name in names:
        if name not in _WORLDS:
            raise ConfigError(f"worlds={worlds}: {hint(name, _WORLDS)}")
    if not 0 <= gamma < 1:
        raise ConfigError(f"gamma={gamma}: at least 0 and below 1, or sums have no limit")
    if not 0 <= weight < float("inf"):
        raise ConfigError(f"weight={weight}: at least 0, and finite")
    check_at_least(1, time=time, auxiliary=auxiliary, draws=draws, seeds=seeds)
    check_at_least(0, seed=seed)
    revelations = _revelations(time)
    fixed = next(iter(revelations)) if asked.options.items() >= REFERENCE.items() else None
    setting = Setting(gamma, weight, auxiliary, draws, seeds, seed)
    found: list[Residual] = []
    regrets: list[Regret] = []
    with as_config_errors():
        for name in names:
            more, also = residuals(find_task(name), setting, revelations, fixed)
            found += more
            regrets += also
    results = {
        "residuals": [one.to_plain() for one in found],
        "regrets": [one.to_plain() for one in regrets],
    }
    data = origin(asked.command, seed) | asked.options | results
    title = f"residuals, γ = {gamma:g}, the reward revealed after {time} steps on average"
    figure = residuals_figure(found, title)
    with asked.results(asked.folder()) as folder:
        write_json(folder / f"{STUDY}.json", data)
        save_figure(figure, folder / f"{STUDY}.png", asked.command)
    show(_residual_table(found, title))
    show(_regret_table(regrets))
    return folder


def _revelations(time: int) -> dict[str, Revelation]:
    times = 2 * time - 1
    return {
        "fixed": Revelation.at(time),
        "geometric": Revelation.geometric(1 / time),
        "random": Revelation.random([0.0, *[1 / times] * times]),
    }


def _residual_table(found: Sequence[Residual], title: str) -> Table:
    table = new_table(
        f"{title}: AUP less standard",
        words=["world", "true reward", "revealed"],
        numbers=["standard", "residual, 95 %", "range", "median", "above 0", "reference"],
    )
    for one in found:
        table.add_row(
            one.world,
            one.truth,
            one.revelation,
            f"{one.standard:.2f}",
            one.mean.plus_minus("+.3f"),
            f"{one.aup.min():+.2f} … {one.aup.max():+.2f}",
            f"{one.median:+.3f}",
            f"{one.above:.1%}",
            one.reference,
        )
    return table


def _regret_table(regrets: Sequence[Regret]) -> Table:
    table = new_table(
        "over random rewards: what the optimal prefix scores more",
        words=["world", "revealed"],
        numbers=["optimal prefix", "standard's regret", "AUP's, 95 % over seeds"],
    )
    for one in regrets:
        aup = mean_over_seeds(one.aup).plus_minus(".3f")
        table.add_row(one.world, one.revelation, f"{one.best:.2f}", f"{one.standard:.3f}", aup)
    return table
