"""The study `over-training`: measures at every kept checkpoint, and a film of one maze."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table

from chisel.analysis.evaluation import Split, held_out
from chisel.analysis.maze import VectorField, vector_field
from chisel.analysis.maze.behaviour import (
    TrainingCurve,
    checkpoints_of,
    field_frames,
    measure_training_curve,
    text,
    training_curve_figure,
    training_curves_over_seeds,
)
from chisel.analysis.results import (
    Request,
    frames_of,
    keep_tables,
    maze_run,
    names_of,
    new_table,
    progress_bars,
    runs_of,
    save_figure,
    take_agent,
    to_plain,
    write_gif,
    write_json,
)
from chisel.configs import ConfigError
from chisel.envs.maze import observe_states
from chisel.models import CHECKPOINTS, load_agent

STUDY = "over-training"
FPS = 3


def run(
    *,
    checkpoint: Path | str,
    measure: str = "success,p-cheese",
    levels: int = 300,
    split: Literal["all", "train", "validation", "test"] = "validation",
    points: int = 16,
    maze: int = 0,
    seed: int = 1000,
    out: Path | str | None = None,
) -> Path:
    """Measure every checkpoint that a run kept, and make a film of the vector field of one maze.

    With `trainer.keep_every` a run keeps more checkpoints than the last ones.

    Args:
        checkpoint: A run, or a folder of seeds; the film is of the first.
        measure: Measures, separated by commas: success (cheese as trained, and anywhere), p-cheese
            (levels with a decision square), regression (coefficients of the published variables),
            cheese-vector (P(cheese) with the cheese vector subtracted, and controls).
        levels: Number of held-out mazes of each measure, the same for every checkpoint.
        split: Split that the layouts come from.
        points: Number of checkpoints at most, which are spread evenly.
        maze: Number of the level that the film shows, counted from the largest.
        seed: Seed of levels and sampled actions.
        out: Folder for the results; None is `studies/over-training` of the run or group.

    Returns:
        The folder, with `over-training.json`, `tables.json`, a figure and `field.gif`.

    Raises:
        ConfigError: If fewer than two checkpoints were kept, or an option is impossible.
    """
    asked = Request.of(STUDY, run, locals())
    if not 0 <= maze < levels:
        raise ConfigError(f"maze={maze}: 0…{levels - 1}, the number of a level")
    runs = runs_of(checkpoint)
    alone = [path for path in runs if not (path / CHECKPOINTS).is_dir()]
    if alone:
        raise ConfigError(f"{alone[0]} is no run with checkpoints: name the folder of a run")
    measures = measure.split(",")
    overrides = [f"eval.seed={seed}", f"eval.split={split}"]
    files = {path: checkpoints_of(path, points) for path in runs}
    with progress_bars() as progress:
        curves = [
            measure_training_curve(
                files[path],
                lambda agent: maze_run(agent, overrides),
                measures,
                levels=levels,
                split=split,
                progress=functools.partial(progress, f"{name} checkpoints".strip()),
            )
            for path, name in zip(runs, names_of(runs), strict=True)
        ]
    fields = _fields(files[runs[0]], overrides, split, levels, maze)
    agents = [take_agent(files[path][-1], env=None) for path in runs]
    config = maze_run(agents[0], overrides)
    origins = [asked.provenance(agent, config, seed=seed) for agent in agents]
    curve = curves[0] if len(runs) == 1 else training_curves_over_seeds(curves)
    spread = "layouts" if len(runs) == 1 else f"{len(runs)} training seeds"
    drawn = training_curve_figure(
        curve, measures, f"{config.experiment} over training, {split} layouts"
    )
    frames = frames_of(field_frames(fields, curves[0].steps))
    with asked.results(asked.folder(agents[0])) as folder:
        write_json(folder / f"{STUDY}.json", _plain(curve, measures, spread, origins))
        save_figure(drawn, folder / f"{STUDY}.png", asked.command)
        write_gif(folder / "field.gif", frames, FPS)
        keep_tables(folder, [_table(curve, name, spread) for name in measures])
    return folder


def _fields(
    files: Sequence[Path], overrides: Sequence[str], split: Split, levels: int, maze: int
) -> list[VectorField]:
    """Compute the field of one maze with a decision square at each checkpoint."""
    last = load_agent(files[-1])
    config = maze_run(last, overrides)
    with held_out(last, config, "anywhere", levels=levels, split=split, decision=True) as mazes:
        level_set = mazes.level_set
    # Small mazes are the most frequent ones, and show little.
    level = int(np.argsort(-level_set.sizes, kind="stable")[maze])
    state, observe = level_set.state(level), functools.partial(observe_states, config=config.env)
    return [vector_field(load_agent(file).outputs, state, observe) for file in files]


def _plain(
    curve: TrainingCurve, measures: Sequence[str], spread: str, origins: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "env_steps": curve.steps,
        "intervals": f"95 %, over {spread}",
        "measures": list(measures),
        "points": [to_plain(point) for point in curve.points],
        "runs": list(origins),
    }


def _table(curve: TrainingCurve, measure: str, spread: str) -> Table:
    names = curve.names(measure)
    table = new_table(measure, f"95 % intervals over {spread}", numbers=("steps", *names))
    for number, steps in enumerate(curve.steps):
        cells = [text(curve.curve(measure, name)[number], 2) for name in names]
        table.add_row(f"{steps:,}", *cells)
    return table
