"""The study `behaviour`: where an agent goes, and which properties of the maze explain it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

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
from chisel.analysis.results import (
    Request,
    Tree,
    keep_tables,
    labelled,
    maze_run,
    names_of,
    naming,
    over_seeds,
    progress_bars,
    runs_of,
    save_figure,
    take_agent,
    to_plain,
    write_csv,
    write_json,
)
from chisel.configs import ConfigError

STUDY = "behaviour"


def run(
    *,
    checkpoint: Path | str,
    levels: int = 1000,
    split: Literal["all", "train", "validation", "test"] = "test",
    variables: str = ",".join(PUBLISHED),
    seed: int = 1000,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Explain by properties of the maze whether an agent goes to the cheese.

    Levels have a decision square: neither the cheese nor the top-right corner lies on the way to
    the other. The regression leaves out mazes whose cheese lies in the region of training.

    Args:
        checkpoint: A run, one of its checkpoints, a folder of seeds, a shipped folder or a `.pth`.
        levels: Number of mazes in each of two batches, of which the second then loses the layouts
            of the first; and for the shares with the cheese as in training and anywhere.
        split: Split that the layouts come from.
        variables: Variables of the regression, separated by commas; see
            docs/howto/behavioural-statistics.md.
        seed: Seed of levels, sampled actions and everything else that is drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/behaviour` of the run or group.

    Returns:
        The folder, with `behaviour.json`, `episodes.csv`, `tables.json` and four figures.

    Raises:
        ConfigError: If an option is impossible, there are too few levels, or nearly all episodes
            end alike.
        CheckpointError: If there is no agent, or its network is for another environment.
    """
    asked = Request.of(STUDY, run, locals())
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    runs, chosen = runs_of(checkpoint), variables.split(",")
    found, origins = [], []
    with progress_bars() as progress:
        for path, label in zip(runs, names_of(runs), strict=True):
            agent = take_agent(path, env=env)
            config = maze_run(agent, [f"eval.seed={seed}", f"eval.split={split}"])
            with naming(label):
                one = behaviour(
                    agent,
                    config,
                    variables=chosen,
                    levels=levels,
                    split=split,
                    progress=labelled(progress, label),
                )
            found.append(one)
            origins.append(asked.provenance(agent, config, seed=seed))
    name = config.experiment or agent.source.stem
    with asked.results(asked.folder(agent)) as folder:
        _write(folder, found, origins, f"{name}, {split} layouts")
    return folder


def _write(
    folder: Path, found: Sequence[Behaviour], origins: Sequence[dict[str, Any]], title: str
) -> None:
    tree: Tree = over_seeds([one.tree for one in found])
    episodes = {number: one.episodes for number, one in enumerate(found)}
    frame = pd.concat(episodes, names=["run"]).reset_index("run")
    spread = "layouts" if len(found) == 1 else f"{len(found)} training seeds"
    maps = [heat_map(frame, origin) for origin in ORIGINS]
    data = {
        "estimates": to_plain(tree),
        "intervals": f"95 %, over {spread}",
        "heat_maps": [one.to_plain() for one in maps],
        "runs": list(origins),
        "of_each": [to_plain(one.tree) for one in found],
    }
    write_json(folder / "behaviour.json", data)
    write_csv(folder / "episodes.csv", frame)
    save = functools.partial(save_figure, origin=origins[0]["command"])
    save(ends_figure(tree, f"How episodes end: {title}"), folder / "ends.png")
    save(regression_figure(tree, f"What decides: {title}"), folder / "regression.png")
    save(heat_figure(maps, f"P(cheese) by offset: {title}"), folder / "heat-maps.png")
    save(correlation_figure(frame, f"Correlations: {title}"), folder / "correlations.png")
    keep_tables(folder, tables_of(tree, spread))
