"""Compare methods by side effects and reward, over sets of levels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.analysis.results import (
    GREY,
    LINES,
    PALE,
    Estimate,
    mean_over_seeds,
    new_row,
    redrawn,
    style_axes,
    widened_tail,
)

_RESAMPLES = 2000
FEWEST_SETS = 10
"""Number of sets of levels below which a side effect at equal reward has no interval. With five
sets the interval contains the truth .90 of the time."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A method at one strength of its penalty."""

    strength: float
    rewards: Mapping[int, float]
    """Mean reward over the runs of each set of levels, by the set's `env.level_seed`."""
    side_effects: Mapping[int, float]
    """Mean side effect on green life, in cells, for the same sets."""


@dataclass(frozen=True)
class Method:
    """A method at each strength that was trained, in ascending order."""

    name: str
    points: tuple[Point, ...]


def least_side_effect(rewards: Floats, side_effects: Floats, reward: float) -> float:
    """Return the smallest side effect of mixtures of agents with a given reward.

    A mixture draws one of two agents for each episode, so its mean reward and side effect lie on
    the line between those of the two. Doing nothing, with neither reward nor side effects, counts
    as an agent.

    Args:
        rewards: Mean rewards of the agents `[K]`.
        side_effects: Mean side effects of the agents `[K]`.
        reward: Reward of the mixture.

    Returns:
        The side effect; NaN if no agent has as much reward.
    """
    x, y = np.append(rewards, 0.0), np.append(side_effects, 0.0)
    least = np.nan
    for more in np.flatnonzero(x >= reward):
        for fewer in np.flatnonzero(x <= reward):
            width = x[more] - x[fewer]
            share = (reward - x[fewer]) / width if width else 1.0
            least = float(np.fmin(least, y[fewer] + share * (y[more] - y[fewer])))
    return least


def at_reward(points: Sequence[Point], base: Point, share: float) -> Estimate:
    """Return the `least_side_effect` of a method at a share of another agent's reward, in cells.

    Args:
        points: The method's agents, which may be mixed with `base`.
        base: Agent without a penalty.
        share: Share of the reward of `base`.
    """

    def least(rewards: Floats, effects: Floats) -> float:
        return least_side_effect(rewards, effects, share * float(rewards[0]))

    return _over_sets([base, *points], least)


def difference_at_reward(
    points: Sequence[Point], others: Sequence[Point], base: Point, share: float
) -> Estimate:
    """Return by how much `at_reward` of a method is above that of another one, in cells.

    Both are taken on the sets that all agents have.

    Args:
        points: The method's agents, which may be mixed with `base`.
        others: The other method's agents, which may be mixed with `base`.
        base: Agent without a penalty.
        share: Share of the reward of `base`.
    """

    def difference(rewards: Floats, effects: Floats) -> float:
        wanted, first = share * float(rewards[0]), 1 + len(points)
        mine = least_side_effect(rewards[:first], effects[:first], wanted)
        rest = np.r_[0, first : len(rewards)]
        return mine - least_side_effect(rewards[rest], effects[rest], wanted)

    return _over_sets([base, *points, *others], difference)


def against_idle(point: Point, base: Point) -> Estimate:
    """Return an agent's side effect divided by that of another that does nothing more often.

    The other is a mixture of `base` and doing nothing, with the same mean reward as the agent, on
    the sets that both have. NaN if there is none, because the agent has more reward than `base`.

    Args:
        point: The agent.
        base: Agent without a penalty.
    """

    def ratio(rewards: Floats, effects: Floats) -> float:
        idle = effects[0] * rewards[1] / rewards[0] if rewards.min() > 0 else 0.0
        return float(effects[1] / idle) if idle > 0 else np.nan

    found = _over_sets([base, point], ratio)
    shared = set(base.rewards) & set(point.rewards)
    earns_more = sum(point.rewards[key] - base.rewards[key] for key in shared) > 0
    return Estimate(np.nan, np.nan, np.nan, found.n) if earns_more else found


def _over_sets(agents: Sequence[Point], of_means: Callable[[Floats, Floats], float]) -> Estimate:
    """Return a function of agents' means over the sets of levels that they share.

    From `FEWEST_SETS` sets on, its interval is a bootstrap over these, widened by as much as
    Student's t is wider than the normal.

    Args:
        agents: The agents `[K]`.
        of_means: Function of mean rewards and mean side effects `[K]`.
    """
    sets = sorted(set.intersection(*(set(one.rewards) for one in agents)))
    n = len(sets)
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0)
    rewards = np.array([[one.rewards[key] for key in sets] for one in agents])
    effects = np.array([[one.side_effects[key] for key in sets] for one in agents])
    value = float(of_means(rewards.mean(axis=1), effects.mean(axis=1)))
    if n < FEWEST_SETS or np.isnan(value):
        return Estimate(value, np.nan, np.nan, n)
    drawn = redrawn(np.arange(n), np.random.default_rng(0), _RESAMPLES)
    tail = widened_tail(n)
    found = [of_means(rewards @ weights / n, effects @ weights / n) for weights in drawn]
    low, high = np.quantile(found, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), n)


@cache
def paper_curves() -> Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]:
    """Return the learning curves of the paper by task and method, read off its figures.

    `frames_M`, `reward` and `side effect` have a value every half million frames (every .6 million
    in append-still). They are means over the training episodes of a sampling policy on its own
    eight levels.
    """
    text = (Path(__file__).parent / "paper_curves.json").read_text(encoding="utf-8")
    curves: dict[str, Any] = json.loads(text)
    return curves


def comparison_figure(kinds: Mapping[str, Sequence[Method]], task: str) -> Figure:
    """Draw side effects against rewards, a curve over strengths for each method.

    Args:
        kinds: Methods by the kind of levels that they played; the first one has no penalty.
        task: Task whose curves in the paper are drawn behind those of training levels.
    """
    figure, row = new_row(len(kinds), 5.2 * len(kinds), 4.4, f"SafeLife, {task}")
    for ax, (levels, methods) in zip(row, kinds.items(), strict=True):
        if levels == "training":
            _draw_paper(ax, task)
        _draw_nothing(ax, methods[0].points[0])
        for method, line in zip(methods, LINES, strict=False):
            _draw_method(ax, method, line)
        style_axes(ax, f"{levels} levels", xlabel="reward", ylabel="side effect, cells")
        ax.set_ylim(bottom=0)
        ax.legend(fontsize=7.5, frameon=False)
    return figure


def _draw_paper(ax: Axes, task: str) -> None:
    """Draw the paper's methods from 1M frames on, each with a dot and its name at the end."""
    label: str | None = "the paper's, from 1M frames on"
    for name, curve in paper_curves().get(task, {}).items():
        first = next(n for n, frames in enumerate(curve["frames_M"]) if frames >= 1)
        x, y = curve["reward"][first:], curve["side effect"][first:]
        ax.plot(x, y, color=PALE, linewidth=1, zorder=0, label=label)
        label = None
        ax.plot(x[-1], y[-1], "o", color=PALE, markersize=5, zorder=0)
        ax.annotate(name, (x[-1], y[-1]), fontsize=7, color=GREY, xytext=(5, -2), **_OFFSET)


def _draw_nothing(ax: Axes, base: Point) -> None:
    """Draw the line of mixtures of the first agent and doing nothing."""
    reward, effect = _mean(base.rewards), _mean(base.side_effects)
    words = "the first, or nothing, by chance"
    ax.plot([0, reward.value], [0, effect.value], ":", color=GREY, linewidth=1.2, label=words)


def _draw_method(ax: Axes, method: Method, line: Mapping[str, Any]) -> None:
    rewards = [_mean(point.rewards) for point in method.points]
    effects = [_mean(point.side_effects) for point in method.points]
    x, y = [one.value for one in rewards], [one.value for one in effects]
    ax.errorbar(
        x,
        y,
        xerr=_reach(rewards),
        yerr=_reach(effects),
        marker="o",
        markersize=4,
        linewidth=1.4,
        elinewidth=0.8,
        label=method.name,
        **line,
    )
    for point, place in zip(method.points, zip(x, y, strict=True), strict=True):
        if point.strength:
            ax.annotate(f"{point.strength:g}", place, fontsize=7, xytext=(3, 3), **_OFFSET)


_OFFSET: dict[str, Any] = {"textcoords": "offset points"}


def _mean(values: Mapping[int, float]) -> Estimate:
    return mean_over_seeds(list(values.values()))


def _reach(estimates: Sequence[Estimate]) -> Floats:
    """Return the lengths of intervals below and above their values `[2, K]`; 0 without one."""
    ends = [(one.value - one.low, one.high - one.value) for one in estimates]
    return np.nan_to_num(np.array(ends)).T
