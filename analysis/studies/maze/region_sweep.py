"""The study `region-sweep`: compare agents trained with the cheese in different regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from chisel.analysis.evaluation import maze_run
from chisel.analysis.maze.behaviour import (
    ENDS,
    GAP,
    OFF,
    ON,
    PUBLISHED,
    RegionAgent,
    by_region,
    largest_region,
    measure_agent,
    regions_figure,
    require_alike,
    side_of,
)
from chisel.analysis.results import (
    Agents,
    Count,
    DataTable,
    ProgressCallback,
    Result,
    Seed,
    Tree,
    labelled,
    over_seeds,
)
from chisel.configs import ConfigError

Sweep = Mapping[str, Sequence[RegionAgent]]


def run(
    checkpoint: tuple[Agents, ...],
    *,
    levels: Count = 500,
    split: Literal["all", "train", "validation", "test"] = "test",
    seed: Seed = 1000,
    progress: ProgressCallback,
) -> Result:
    """Compare agents that were trained with the cheese in different regions.

    All agents play the same mazes of three kinds: with the cheese as in their own training; with
    the cheese anywhere; and levels with a decision square whose cheese lies outside the largest
    region that any of them was trained with. Agents of one region count as its seeds.

    Args:
        checkpoint: Maze agents.
        levels: Number of held-out mazes of each kind.
        split: Split that the layouts come from.
        seed: Seed of levels, sampled actions and all other draws.

    Returns:
        The measures of each region and of each agent, three tables and a figure.

    Raises:
        ConfigError: If the environments of the agents differ in more than the cheese's place, the
            same weights are given twice, or there are too few levels.
    """
    agents = [agent for group in checkpoint for agent in group]
    paths = [Path(group.path) / name for group in checkpoint for name in group.names]
    labels = ["/".join(path.parts[-2:]) for path in paths]
    if len({agent.digest for agent in agents}) < len(agents):
        given = ",".join(map(str, paths))
        raise ConfigError(f"checkpoint={given}: the same weights are given twice")
    configs = [maze_run(agent, [f"eval.seed={seed}", f"eval.split={split}"]) for agent in agents]
    require_alike(labels, [config.env for config in configs])
    beyond = largest_region([config.env for config in configs])
    found = []
    for label, agent, config in zip(labels, agents, configs, strict=True):
        own = labelled(progress, label)
        tree = measure_agent(agent, config, beyond=beyond, levels=levels, split=split, progress=own)
        found.append(RegionAgent(label, side_of(config.env), tree))
    sweep = by_region(found)
    title = f"Trained with the cheese in different regions, {split} layouts"
    return Result(
        data={
            "intervals": "95 %: of a lone agent over layouts, of several over training seeds",
            "decision_levels": f"cheese outside the top-right {beyond}×{beyond}",
            "settings": {
                trained: {
                    "agents": [one.label for one in seeds],
                    "estimates": over_seeds([one.tree for one in seeds]),
                }
                for trained, seeds in sweep.items()
            },
            "of_each": [
                {"agent": one.label, "trained": one.trained, "estimates": one.tree} for one in found
            ],
        },
        tables=_tables(sweep, beyond),
        figures={"region-sweep": regions_figure(sweep, title)},
    )


def _tables(sweep: Sweep, beyond: int) -> dict[str, DataTable]:
    return {
        "success": DataTable(
            "All levels, by where the cheese was in training",
            _rows(sweep, _success),
            "efficient: within twice the shortest path. 95 % intervals over layouts, or of several "
            "seeds over these",
        ),
        "decisions": DataTable(
            "Levels with a decision square",
            _rows(sweep, _decisions),
            f"the cheese outside the top-right {beyond}×{beyond}; how episodes go, and (at) the "
            "policy's move on that square. 95 % intervals over layouts, or of several seeds over "
            "these",
        ),
        "regression": DataTable(
            "What decides, on levels with a decision square",
            _rows(sweep, _regression),
            "log-odds of the cheese for one standard deviation, L1, C = 1; gains over the base "
            "rate on unseen layouts. -: nearly all episodes end alike",
        ),
    }


def _rows(sweep: Sweep, cells: Callable[[Tree], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each agent and, for regions with several seeds, a row for their mean.

    Args:
        sweep: Agents by their region of training, in words.
        cells: Function from measures to the cells of a row, by heading.
    """
    rows = []
    for trained, seeds in sweep.items():
        trees = [(one.label, one.tree) for one in seeds]
        if len(seeds) > 1:
            trees.insert(0, (f"{len(seeds)} seeds", over_seeds([one.tree for one in seeds])))
        rows += [{"trained with": trained, "agent": whose} | cells(tree) for whose, tree in trees]
    return rows


def _success(tree: Tree) -> dict[str, Any]:
    success, quick = tree["success"], tree["efficient"]
    return {
        "as trained": success[ON],
        "anywhere": success[OFF],
        "lost": success.get(GAP),
        "efficient, as trained": quick[ON],
        "efficient, anywhere": quick[OFF],
    }


def _decisions(tree: Tree) -> dict[str, Any]:
    return {**tree["episodes"], **{f"at: {end}": tree["square"][end] for end in ENDS[:2]}}


def _regression(tree: Tree) -> dict[str, Any]:
    line, predicted = tree.get("coefficients", {}), tree.get("validation", {})
    return {
        **{name.replace("_", " "): line.get(name) for name in PUBLISHED},
        "log-loss gain": predicted.get("log_loss_gain"),
        "accuracy gain": predicted.get("accuracy_gain"),
    }
