"""The study `behaviour`: explain an agent's choices by properties of the maze."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from chisel.analysis.evaluation import maze_run
from chisel.analysis.maze.behaviour import (
    ORIGINS,
    PUBLISHED,
    Behaviour,
    behaviour,
    correlation_figure,
    ends_figure,
    heat_figure,
    heat_map,
    regression_figure,
    tables_of,
)
from chisel.analysis.results import Agents, Count, ProgressCallback, Result, Seed, over_seeds
from chisel.models import Agent


def run(
    checkpoint: Agents,
    *,
    levels: Count = 1000,
    split: Literal["all", "train", "validation", "test"] = "test",
    variables: tuple[str, ...] = PUBLISHED,
    seed: Seed = 1000,
) -> Result:
    """Explain by properties of the maze whether an agent goes to the cheese.

    Levels have a decision square: neither the cheese nor the top-right corner lies on the path to
    the other. The regression leaves out mazes whose cheese lies in the region of training.

    Args:
        checkpoint: A maze agent, or several seeds of one.
        levels: Number of mazes in each of two batches; layouts of the first batch are then removed
            from the second. Success with the cheese as in training and anywhere is measured on as
            many.
        split: Split that the layouts come from.
        variables: Variables of the regression; see docs/howto/behavioural-statistics.md.
        seed: Seed of levels, sampled actions and all other draws.

    Returns:
        Every estimate, four tables, a frame of episodes, and four figures.

    Raises:
        ConfigError: If a variable is unknown, there are too few levels, or nearly all episodes have
            the same end.
        CheckpointError: If the network is for another environment.
    """

    def measure(agent: Agent, progress: ProgressCallback) -> Behaviour:
        config = maze_run(agent, [f"eval.seed={seed}", f"eval.split={split}"])
        return behaviour(
            agent, config, variables=variables, levels=levels, split=split, progress=progress
        )

    found = checkpoint.each(measure)
    tree = over_seeds([one.tree for one in found])
    frame = pd.concat(dict(enumerate(one.episodes for one in found)), names=["run"])
    frame = frame.reset_index("run")
    spread = "layouts" if len(found) == 1 else f"{len(found)} training seeds"
    tables = tables_of(tree, spread)
    maps = {origin: heat_map(frame, origin) for origin in ORIGINS}
    title = f"{checkpoint.title}, {split} layouts"
    return Result(
        data={
            "estimates": tree,
            "intervals": f"95 %, over {spread}",
            "heat_maps": [
                {"from": ORIGINS[origin], "offsets": one.to_dict("records")}
                for origin, one in maps.items()
            ],
            "of_each": [one.tree for one in found],
        },
        tables=tables,
        figures={
            "ends": ends_figure(tables["ends"], f"How episodes end: {title}", spread),
            "regression": regression_figure(
                tables["regression"], tables["predictions"], f"What decides: {title}", spread
            ),
            "heat-maps": heat_figure(maps, f"P(cheese) by offset: {title}"),
            "correlations": correlation_figure(frame, f"Correlations: {title}"),
        },
        frames={"episodes": frame},
    )
