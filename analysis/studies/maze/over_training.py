"""The study `over-training`: measure every checkpoint that was kept, and film one maze."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from chisel.analysis.evaluation import maze_run
from chisel.analysis.maze import VectorField, held_out_states, vector_field
from chisel.analysis.maze.behaviour import (
    TrainingCurve,
    checkpoints_of,
    field_frames,
    measure_training_curve,
    training_curve_figure,
    training_curve_tables,
    training_curves_over_seeds,
)
from chisel.analysis.results import (
    Agents,
    Count,
    ProgressCallback,
    Result,
    Seed,
    Within,
    frames_of,
    write_gif,
)
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.envs.maze import MazeState, observe_states
from chisel.models import CHECKPOINTS, Agent, load_agent

FPS = 3


def run(
    checkpoint: Agents,
    *,
    measure: tuple[Literal["success", "p-cheese", "regression", "cheese-vector"], ...] = (
        "success",
        "p-cheese",
    ),
    levels: Count = 300,
    split: Literal["all", "train", "validation", "test"] = "validation",
    points: Annotated[int, Within(2)] = 16,
    maze: Annotated[int, Within(0)] = 0,
    seed: Seed = 1000,
) -> Result:
    """Measure every checkpoint that a run kept, and make a film of the vector field of one maze.

    With `trainer.keep_every` a run keeps more checkpoints than the last ones.

    Args:
        checkpoint: A run, or several seeds of one; the film is of the first seed.
        measure: success (cheese as trained, and anywhere), p-cheese (levels with a decision
            square), regression (coefficients of the published variables), cheese-vector (P(cheese)
            with the cheese vector subtracted, and controls).
        levels: Number of held-out mazes for each measure, the same for every checkpoint.
        split: Split that the layouts come from.
        points: Largest number of checkpoints, which are spread evenly.
        maze: Number of the level that the film shows, counted from the largest.
        seed: Seed of levels and sampled actions.

    Returns:
        The curves, a table of each measure, a figure and `field.gif`.

    Raises:
        ConfigError: If fewer than two checkpoints were kept, or `maze` is not a level's number.
    """
    if maze >= levels:
        raise ConfigError(f"maze={maze}: 0…{levels - 1}, the number of a level")
    kept = {}
    for agent, name in zip(checkpoint, checkpoint.names, strict=True):
        folder = Path(checkpoint.path) / name
        if not (folder / CHECKPOINTS).is_dir():
            raise ConfigError(f"{folder} is no run with checkpoints: name the folder of a run")
        kept[agent.source] = checkpoints_of(folder, points)

    def config_of(agent: Agent) -> RunConfig:
        return maze_run(agent, [f"eval.seed={seed}", f"eval.split={split}"])

    def measured(agent: Agent, progress: ProgressCallback) -> TrainingCurve:
        files = kept[agent.source]
        return measure_training_curve(
            files, config_of, measure, levels=levels, split=split, progress=progress
        )

    curves = checkpoint.each(measured)
    curve = curves[0] if len(curves) == 1 else training_curves_over_seeds(curves)
    spread = "layouts" if len(curves) == 1 else f"{len(curves)} training seeds"
    tables = training_curve_tables(curve, measure, spread)
    first, env = checkpoint.first, config_of(checkpoint.first).env
    states = held_out_states(first, env, levels=levels, split=split, seed=seed, decision=True)
    # Small mazes are the most frequent ones, and show little.
    largest = sorted(states, key=lambda state: -state.maze_dim)[maze]
    fields = _fields(kept[first.source], largest, env)
    return Result(
        data={
            "env_steps": list(curve),
            "intervals": f"95 %, over {spread}",
            "measures": measure,
            "points": list(curve.values()),
        },
        tables=tables,
        figures={
            "over-training": training_curve_figure(
                tables, f"{checkpoint.title} over training, {split} layouts"
            )
        },
        files={"field.gif": lambda path: write_gif(path, frames_of(field_frames(fields)), FPS)},
    )


def _fields(files: Sequence[Path], state: MazeState, env: MazeConfig) -> dict[int, VectorField]:
    """Compute the field of a maze at each checkpoint, by environment steps."""
    observe = functools.partial(observe_states, config=env)
    agents = map(load_agent, files)
    return {agent.env_steps or 0: vector_field(agent.outputs, state, observe) for agent in agents}
