"""Compute scores: the metrics of one player with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from chisel.analysis.evaluation.evaluator import Evaluator, Metric, Player, Situation
from chisel.analysis.results import Estimate, estimate_over_seeds, mean_over_layouts, redrawn

_RESAMPLES = 1000


@dataclass(frozen=True)
class Score:
    """The metrics of one player in one situation, over all episodes or over those of a group."""

    player: str
    situation: Mapping[str, str]
    group: Mapping[str, Any]
    """Fact and value that all episodes of the group share; empty for all episodes."""
    episodes: int
    n_of: str
    """Name of the units that `n` of the metrics counts, like `layouts`."""
    metrics: Mapping[str, Estimate]
    """Metrics by name, without those that have no value in these episodes."""


def scores_of(
    evaluator: Evaluator,
    table: pd.DataFrame,
    player: Player,
    situation: Situation,
    key: Sequence[int],
) -> list[Score]:
    """Return the scores over all episodes of a table, then over those of each group.

    Args:
        evaluator: Evaluator that made the table.
        table: Episodes of one player in one situation.
        player: The player.
        situation: The situation.
        key: Seed of the intervals' draws, as several numbers.
    """
    draws = np.random.default_rng(key)
    draws.integers(2**62)  # the seed of the actions, see `actions_of`
    fact = evaluator.group
    groups: list[tuple[dict[str, Any], pd.DataFrame]] = [({}, table)]
    if fact is not None:
        groups += [({fact: value}, part) for value, part in table.groupby(fact, sort=True)]
    scores = []
    for group, part in groups:
        metrics = {
            m.name: _estimate(m, part, evaluator.unit, player, draws) for m in evaluator.metrics
        }
        known = {name: one for name, one in metrics.items() if not math.isnan(one.value)}
        named = (player.name, situation.named, group)
        scores.append(Score(*named, len(part), evaluator.units, known))
    return scores


def scores_over_seeds(each: Sequence[Sequence[Score]]) -> tuple[Score, ...]:
    """Return means over seeds of the scores that every seed has."""
    found = []
    for first in each[0]:
        alike = [one for scores in each for one in scores if _same(one, first)]
        if len(alike) == len(each):
            shared = [name for name in first.metrics if all(name in s.metrics for s in alike)]
            over = {k: estimate_over_seeds([one.metrics[k] for one in alike]) for k in shared}
            episodes = sum(one.episodes for one in alike)
            found.append(replace(first, episodes=episodes, n_of="seeds", metrics=over))
    return tuple(found)


def _same(one: Score, other: Score) -> bool:
    return (one.player, one.situation, one.group) == (other.player, other.situation, other.group)


def _estimate(
    metric: Metric, table: pd.DataFrame, unit: str, player: Player, draws: np.random.Generator
) -> Estimate:
    if metric.whole is not None:
        return _bootstrapped(metric, table, unit, draws)
    values = table[metric.name].to_numpy()
    if player.greedy and len(values) == 1:  # the only one there is, so there is no doubt
        return Estimate(float(values[0]), math.nan, math.nan, 1, metric.within)
    units = table[unit].to_numpy() if unit in table else None
    return mean_over_layouts(values, units, draws, within=metric.within)


def _bootstrapped(
    metric: Metric, table: pd.DataFrame, unit: str, draws: np.random.Generator
) -> Estimate:
    """Return a metric of the whole table, with the percentile interval over its units."""
    assert metric.whole is not None
    columns = {str(name): table[name].to_numpy() for name in table}
    value = metric.whole(columns)
    units = columns.get(unit, np.arange(len(table)))
    n = len(np.unique(units))
    if math.isnan(value) or n < 2:
        return Estimate(value, math.nan, math.nan, n, metric.within)
    again = []
    for counts in redrawn(units, draws, _RESAMPLES):
        drawn = np.arange(len(table)).repeat(counts.astype(np.int64))
        again.append(metric.whole({name: column[drawn] for name, column in columns.items()}))
    low, high = np.nanquantile(again, [0.025, 0.975])
    return Estimate(value, float(low), float(high), n, metric.within)
