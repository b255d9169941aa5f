"""The study `delayed-specification`: score AUP if the true reward is revealed later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from chisel.analysis.gridworlds import (
    REFERENCE,
    Regret,
    Residual,
    find_task,
    residuals,
    residuals_figure,
)
from chisel.analysis.results import (
    Count,
    DataTable,
    ProgressCallback,
    Result,
    Seed,
    Share,
    Within,
    as_config_errors,
    counted,
)
from chisel.impact import Revelation


def run(
    *,
    worlds: tuple[Literal["options", "damage"], ...] = ("options", "damage"),
    gamma: Share = 0.996,
    time: Count = 10,
    weight: Annotated[float, Within(0)] = 0.01,
    auxiliary: Count = 15,
    draws: Count = 1000,
    seeds: Count = 20,
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Compare AUP with the standard and the best agent while the true reward is not known.

    The true reward is revealed after exactly `time` steps; or with probability 1/`time` in every
    step; or after 1 to 2 `time` - 1 steps, all equally likely. The mean is `time` in all three.

    Args:
        worlds: Gridworlds whose episodes do not end at the goal.
        gamma: Discount, below 1.
        time: Mean number of steps until the true reward is revealed.
        weight: AUP's λ, for a penalty that is summed over auxiliary rewards.
        auxiliary: Number of auxiliary rewards of each AUP agent, uniform on [0, 1] in each state.
        draws: Number of possible true rewards, which are drawn in the same way.
        seeds: Number of AUP agents, each with its own auxiliary rewards.
        seed: Seed of all random draws.
        progress: Called with a label, the amount done and the amount wanted.

    Returns:
        Residuals and regrets, a table and a figure of the residuals, and a table of the regrets.

    Raises:
        ConfigError: If the discount is 1.
    """
    times = 2 * time - 1
    revelations = {
        "fixed": Revelation.at(time),
        "geometric": Revelation.geometric(1 / time),
        "random": Revelation.random([0.0, *[1 / times] * times]),
    }
    asked = {"gamma": gamma, "time": time, "weight": weight, "auxiliary": auxiliary}
    reference = "fixed" if asked == REFERENCE else None
    found: list[Residual] = []
    regrets: list[Regret] = []
    for world in counted(worlds, "worlds", progress):
        with as_config_errors():
            more, also = residuals(
                find_task(world),
                revelations,
                gamma=gamma,
                weight=weight,
                auxiliary=auxiliary,
                draws=draws,
                seeds=seeds,
                seed=seed,
                reference=reference,
            )
        found += more
        regrets += also
    title = f"residuals, γ = {gamma:g}, the reward revealed after {time} steps on average"
    return Result(
        data={"residuals": found, "regrets": regrets},
        tables={"residuals": _residual_table(found, title), "regrets": _regret_table(regrets)},
        figures={"delayed-specification": residuals_figure(found, title)},
    )


def _residual_table(found: Sequence[Residual], title: str) -> DataTable:
    rows = [
        {
            "world": one.world,
            "true reward": one.truth,
            "revealed": one.revelation,
            "standard": one.standard,
            "residual": one.mean,
            "least": one.by_seed.min(),
            "most": one.by_seed.max(),
            "median": one.median,
            "above 0": one.above,
            "reference": one.reference or None,
        }
        for one in found
    ]
    form = {"residual": ".3f", "median": ".3f", "above 0": ".1%"}
    caption = "means over AUP agents with 95 % intervals (Student's t); least and most of an agent"
    return DataTable(f"{title}: AUP less standard", rows, caption, form)


def _regret_table(regrets: Sequence[Regret]) -> DataTable:
    rows = [
        {
            "world": one.world,
            "revealed": one.revelation,
            "optimal prefix": one.best,
            "standard's regret": one.standard,
            "AUP's regret": one.aup,
        }
        for one in regrets
    ]
    return DataTable(
        "over random rewards: what the optimal prefix scores more",
        rows,
        "means with 95 % intervals over AUP agents (Student's t)",
        {"standard's regret": ".3f", "AUP's regret": ".3f"},
    )
