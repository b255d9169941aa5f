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
    """Measure every checkpoint that a run kept, and film the vector field of one maze.

    A run keeps more than its last checkpoints with `trainer.keep_every`.

    Args:
        checkpoint: A run, or a folder of seeds; the film is of the first.
        measure: With commas between: success (cheese as trained, and anywhere), p-cheese (levels
            with a decision square), regression (coefficients of the published variables),
            cheese-vector (P(cheese) without the cheese's activations, and controls).
        levels: Held-out mazes for each measure, the same for every checkpoint.
        split: Which layouts.
        points: Checkpoints that are measured at most, spread evenly.
        maze: Which of the levels is filmed, counted from the largest.
        seed: Of levels and sampled actions.
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
        raise ConfigError(f"{alone[0]} is no run with checkpoints: a course needs a run's folder")
    measures = measure.split(",")
    overrides = [f"eval.seed={seed}", f"eval.split={split}"]
    files = {path: checkpoints_of(path, points) for path in runs}
    with progress_bars() as progress:
        courses = [
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
    course = courses[0] if len(runs) == 1 else training_curves_over_seeds(courses)
    spread = "layouts" if len(runs) == 1 else f"{len(runs)} training seeds"
    drawn = training_curve_figure(
        course, measures, f"{config.experiment} over training, {split} layouts"
    )
    frames = frames_of(field_frames(fields, courses[0].steps))
    with asked.results(asked.folder(agents[0])) as folder:
        write_json(folder / f"{STUDY}.json", _plain(course, measures, spread, origins))
        save_figure(drawn, folder / f"{STUDY}.png", asked.command)
        write_gif(folder / "field.gif", frames, FPS)
        keep_tables(folder, [_table(course, name, spread) for name in measures])
    return folder


def _fields(
    files: Sequence[Path], overrides: Sequence[str], split: Split, levels: int, maze: int
) -> list[VectorField]:
    """The field of one maze with a decision square at each checkpoint."""
    last = load_agent(files[-1])
    config = maze_run(last, overrides)
    with held_out(last, config, "anywhere", levels=levels, split=split, decision=True) as mazes:
        level_set = mazes.level_set
    # Small mazes are the most frequent and show the least.
    level = int(np.argsort(-level_set.sizes, kind="stable")[maze])
    state, observe = level_set.state(level), functools.partial(observe_states, config=config.env)
    return [vector_field(load_agent(file).outputs, state, observe) for file in files]


def _plain(
    course: TrainingCurve, measures: Sequence[str], spread: str, origins: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "env_steps": course.steps,
        "intervals": f"95 %, over {spread}",
        "measures": list(measures),
        "points": [to_plain(point) for point in course.points],
        "runs": list(origins),
    }


def _table(course: TrainingCurve, measure: str, spread: str) -> Table:
    table = new_table(title=measure, caption=f"95 % intervals over {spread}")
    table.add_column("steps", justify="right")
    names = course.names(measure)
    for name in names:
        table.add_column(name, justify="right")
    for number, steps in enumerate(course.steps):
        cells = [text(course.curve(measure, name)[number], 2) for name in names]
        table.add_row(f"{steps:,}", *cells)
    return table
