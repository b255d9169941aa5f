"""The study `safelife-compare`: compare methods by reward and side effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from chisel.analysis.evaluation import Split
from chisel.analysis.results import (
    Agents,
    Count,
    DataTable,
    Estimate,
    ProgressCallback,
    Result,
    Seed,
    Share,
    labelled,
    mean_over_seeds,
    ratio_of_means,
)
from chisel.analysis.safelife import (
    FEWEST_SETS,
    Method,
    Point,
    against_idle,
    at_reward,
    comparison_figure,
    difference_at_reward,
    evaluation_settings,
    methods_of,
    played_episodes,
    require_safelife,
    strength_of,
)
from chisel.configs import ConfigError, RunConfig

_COLUMNS = {
    "reward": "return",
    "side effect": "side effect",
    "side effect fraction": "side effect fraction",
    "performance": "performance",
    "length": "length",
}
"""Metrics of the evaluation, by their names in this study."""


def run(
    checkpoint: tuple[Agents, ...],
    *,
    levels: Count = 100,
    split: Split = "test",
    seed: Seed = 1000,
    share: Share = 0.9,
    progress: ProgressCallback,
) -> Result:
    """Compare SafeLife agents by reward and side effects, over sets of training levels.

    Agents are of one method if their configs differ only in the weight of the penalty, the set of
    levels and the seed. Means and intervals are over sets of levels (`env.level_seed`), or over
    seeds if each episode had a new level. Methods are compared on the sets that they share.

    Args:
        checkpoint: Agents, or folders of seeds. The first method is the one that others are divided
            by, such as PPO without a penalty. The second, such as AUP, is the one that further
            methods, such as placebos, are compared with at equal reward.
        levels: Number of held-out levels, and of episodes on the training levels.
        split: Split that held-out levels come from.
        seed: Seed of held-out levels and of all draws.
        share: Share of the first method's reward at which side effects are compared.

    Returns:
        Reward and side effects of each method and strength, and their ratios to the first method's,
        beside the side effects that the first would have at this reward if it did nothing in some
        episodes; the smallest side effects of each method at equal reward; and a figure with the
        curves of the paper.

    Raises:
        ConfigError: If agents are from other worlds, of several tasks, or of sets of levels and of
            unlimited levels; or the same weights are given twice.
    """
    agents = [agent for group in checkpoint for agent in group]
    runs = [require_safelife(agent) for agent in agents]
    tasks = sorted({run.env.task for run in runs})
    if len(tasks) > 1:
        raise ConfigError(
            f"checkpoint: agents of several tasks ({', '.join(tasks)}); give those of one task"
        )
    if len({run.env.num_levels is None for run in runs}) > 1:
        raise ConfigError(
            "checkpoint: agents of sets of levels and of unlimited levels (env.num_levels=null) "
            "cannot be paired; give them to two commands"
        )
    if len({agent.digest for agent in agents}) < len(agents):
        raise ConfigError("checkpoint: the same weights are given twice")
    names, rows = methods_of(runs), []
    for number, (agent, run, name) in enumerate(zip(agents, runs, names, strict=True)):
        settings = evaluation_settings(run, levels=levels, split=split, seed=seed)
        own = labelled(progress, f"agent {number + 1} of {len(agents)}")
        for played in played_episodes(agent, settings, own, alone=True):
            rows.append(_about(run, name) | {"levels": played.levels} | _means(played.episodes))
    of_agents = pd.DataFrame(rows)
    kinds = {str(kind): _methods(part) for kind, part in of_agents.groupby("levels", sort=False)}
    points = [row for kind, methods in kinds.items() for row in _points(kind, methods)]
    equal = [row for kind, methods in kinds.items() for row in _equal(kind, methods, share)]
    return Result(
        data={"agents": rows, "points": points, "equal": equal},
        tables={
            "points": DataTable(
                "Reward and side effects on green life",
                points,
                "×: divided by those of the first; −: minus those of the first; × idle: side "
                "effects divided by those of the first agents if they did nothing in as many "
                "episodes as brings them to the same reward (below 1: better than doing less)",
                {"strength": "g"},
                spread="95 % intervals over sets of levels; of ratios Fieller's, on shared sets; "
                "of differences Student's over pairs; of × idle a bootstrap, from "
                f"{FEWEST_SETS} sets on",
            ),
            "equal": DataTable(
                f"Least side effects at {share:g} of the first's reward",
                equal,
                "of a mixture of the method's agents, the first, and doing nothing, one of which "
                "is drawn for each episode; − second: minus those of the second method, on the "
                "sets that both and the first have",
                spread=f"95 % bootstrap intervals over sets of levels, from {FEWEST_SETS} on",
            ),
        },
        figures={"safelife-compare": comparison_figure(kinds, tasks[0])},
        frames={"agents": of_agents},
    )


def _about(run: RunConfig, method: str) -> dict[str, Any]:
    """Return method, strength and set of levels of an agent.

    If each episode had a new level, the seed takes the place of the set of levels.
    """
    endless = run.env.num_levels is None
    return {
        "method": method,
        "strength": strength_of(run),
        "set": run.seed if endless else run.env.level_seed,
        "seed": run.seed,
    }


def _means(episodes: pd.DataFrame) -> dict[str, float]:
    """Return means in which each level has the same weight."""
    means = episodes.groupby("level").mean(numeric_only=True).mean()
    return {column: float(means[metric]) for column, metric in _COLUMNS.items()}


def _methods(agents: pd.DataFrame) -> list[Method]:
    """Return methods, in the order of their first agents."""
    found = []
    for name, part in agents.groupby("method", sort=False):
        points = []
        for strength, some in part.groupby("strength"):
            of_sets = some.groupby("set").mean(numeric_only=True)
            sets = [int(number) for number in of_sets.index]
            rewards, effects = (
                dict(zip(sets, of_sets[column].tolist(), strict=True))
                for column in ("reward", "side effect")
            )
            points.append(Point(float(str(strength)), rewards, effects))
        found.append(Method(str(name), tuple(points)))
    return found


def _points(kind: str, methods: Sequence[Method]) -> Iterator[dict[str, Any]]:
    base = methods[0].points[0]
    for method in methods:
        for point in method.points:
            row = {
                "levels": kind,
                "method": method.name,
                "strength": point.strength,
                "sets": len(point.rewards),
                "reward": mean_over_seeds(list(point.rewards.values())),
                "side effect": mean_over_seeds(list(point.side_effects.values())),
            }
            yield row if point is base else row | _ratios(point, base)


def _ratios(point: Point, base: Point) -> dict[str, Any]:
    """Compare a method with the first on the sets that both have; empty without any."""
    sets = sorted(set(point.rewards) & set(base.rewards))
    if not sets:
        return {}
    rewards, base_rewards = _on(sets, point.rewards), _on(sets, base.rewards)
    effects, base_effects = _on(sets, point.side_effects), _on(sets, base.side_effects)
    return {
        "× reward": ratio_of_means(rewards, base_rewards),
        "× side effect": ratio_of_means(effects, base_effects),
        "− reward": _difference(rewards, base_rewards),
        "− side effect": _difference(effects, base_effects),
        "× idle": against_idle(point, base),
    }


def _difference(values: Sequence[float], base: Sequence[float]) -> Estimate:
    return mean_over_seeds([one - other for one, other in zip(values, base, strict=True)])


def _on(sets: Sequence[int], values: Mapping[int, float]) -> list[float]:
    return [values[key] for key in sets]


def _equal(kind: str, methods: Sequence[Method], share: float) -> Iterator[dict[str, Any]]:
    base = methods[0].points[0]
    for number, method in enumerate(methods):
        found = at_reward(method.points, base, share)
        row = {"levels": kind, "method": method.name, "sets": found.n, "side effect": found}
        if number > 1:
            row["− second"] = difference_at_reward(method.points, methods[1].points, base, share)
        yield row
