"""The study `vector-field`: the same mazes with the cheese as in training, and anywhere."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from analysis.field_figures import contact_sheet, field_figure
from analysis.fields import Orientation, VectorField, vector_field
from analysis.figures import save_figure
from analysis.held_out import PLACEMENTS, Placement
from analysis.output import provenance, study_folder, write_json
from analysis.settings import maze_run, require_spaces, take_agent
from configs import ConfigError, MazeConfig
from envs.maze import LevelBank, make_evaluation, observe_states
from models import Agent

_COLUMNS = 6
"""Mazes side by side on a contact sheet."""


def run(
    *,
    checkpoint: Path | str,
    levels: int = 6,
    split: Literal["all", "train", "validation", "test"] = "test",
    seed: int = 0,
    orientation: Literal["left", "right"] = "left",
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Draw an agent's policy and values on some levels.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        levels: How many mazes; each is drawn twice, with the cheese as in training and anywhere.
        split: Which layouts.
        seed: Which mazes of the split.
        orientation: Which way the mouse faces.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/vector-field` of the run.

    Returns:
        The folder, with a PNG per maze and placement, `contact-sheet.png` and `fields.json`.
    """
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    agent = take_agent(checkpoint, env=env)
    config = maze_run(agent)
    fields: dict[Placement, list[VectorField]] = {}
    for placement in PLACEMENTS:
        bank = _levels(agent, config.env, levels, split, seed, placement)
        fields[placement] = [
            field_of(agent, config.env, bank, index, orientation) for index in range(levels)
        ]
    words = {"levels": levels, "split": split, "seed": seed, "orientation": orientation, "env": env}
    options = [f"{key}={value}" for key, value in words.items() if value is not None]
    command = ["chisel", "study", "vector-field", f"checkpoint={agent.source}", *options]
    origin = provenance(agent, config, seed=seed, command=shlex.join(command))
    folder = study_folder(agent, "vector-field", out)
    _write(folder, fields, origin, heading=_heading(agent, config.experiment))
    return folder


def field_of(
    agent: Agent, config: MazeConfig, bank: LevelBank, index: int, orientation: Orientation
) -> VectorField:
    """The field of one level of a bank."""
    observe = functools.partial(observe_states, config=config)
    return vector_field(agent.outputs, bank.state(index), observe, orientation=orientation)


def _levels(
    agent: Agent,
    config: MazeConfig,
    levels: int,
    split: Literal["all", "train", "validation", "test"],
    seed: int,
    placement: Placement,
) -> LevelBank:
    env, bank = make_evaluation(config, levels=levels, split=split, seed=seed, cheese=placement)
    try:
        require_spaces(agent, env)
    finally:
        env.close()
    return bank


def _heading(agent: Agent, experiment: str) -> str:
    trained = "" if agent.env_steps is None else f" after {agent.env_steps:,} steps"
    return f"{experiment or agent.source.stem}{trained}"


def _write(
    folder: Path,
    fields: Mapping[Placement, list[VectorField]],
    origin: dict[str, Any],
    heading: str,
) -> None:
    stamp = f"sha256 {origin['sha256']}, seed {origin['seed']}"
    plain = []
    for placement, drawn in fields.items():
        for number, field in enumerate(drawn):
            side = field.state.maze_dim
            title = f"level {field.state.level_seed}, {side}×{side}, cheese {placement}"
            name = f"{number:02d}-{placement}.png"
            save_figure(field_figure(field, title), folder / name, stamp)
            plain.append({"file": name, "cheese_placement": placement, **field.to_plain()})
    rows = [
        (f"cheese {placement}", drawn[first : first + _COLUMNS])
        for first in range(0, len(next(iter(fields.values()))), _COLUMNS)
        for placement, drawn in fields.items()
    ]
    save_figure(contact_sheet(rows, heading), folder / "contact-sheet.png", stamp)
    write_json(folder / "fields.json", origin | {"fields": plain})
