"""The study `vector-field`: the same mazes with the cheese as in training, and anywhere."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from analysis.field_figures import contact_sheet, field_figure
from analysis.fields import VectorField
from analysis.figures import save_figure
from analysis.held_out import PLACEMENTS, Placement, held_out_levels
from analysis.maze import (
    chain_of,
    expected_length,
    expected_return,
    fields_of,
    outcomes,
    value_agreement,
)
from analysis.output import provenance, study_command, study_folder, write_json
from analysis.settings import maze_run, take_agent
from configs import ConfigError, MazeConfig
from envs.maze import observe_states
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
        The folder, with a PNG per maze and placement, `contact-sheet.png` and `fields.json`, which
        also says what becomes of an episode, exactly, within the timeout.
    """
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    agent = take_agent(checkpoint, env=env)
    config = maze_run(agent)
    fields: dict[Placement, list[VectorField]] = {}
    exact: dict[Placement, list[dict[str, Any]]] = {}
    for placement in PLACEMENTS:
        bank = held_out_levels(agent, config.env, placement, levels=levels, split=split, seed=seed)
        observe = functools.partial(observe_states, config=config.env)
        both = [fields_of(agent.outputs, bank.state(index), observe) for index in range(levels)]
        fields[placement] = [pair[orientation == "right"] for pair in both]
        exact[placement] = [_exact(*pair, config.env) for pair in both]
    words = {"levels": levels, "split": split, "seed": seed, "orientation": orientation, "env": env}
    command = study_command("vector-field", words, agent.source)
    origin = provenance(agent, config, seed=seed, command=command)
    folder = study_folder(agent, "vector-field", out)
    _write(folder, fields, exact, origin, heading=_heading(agent, config.experiment))
    return folder


def _exact(left: VectorField, right: VectorField, config: MazeConfig) -> dict[str, Any]:
    """What becomes of an episode that begins at the start, solved from both fields."""
    state = left.state
    corner = (state.maze_dim - 1, state.maze_dim - 1)
    both = config.goals == "cheese-and-corner"
    chain = chain_of(left, right, ends=[*state.cheese, corner] if both else None)
    steps = config.timeout
    return {
        "timeout": steps,
        **asdict(outcomes(chain, state.cheese, corner, steps=steps)),
        "length": expected_length(chain, steps=steps),
        "return": expected_return(chain, steps=steps),
        "critic_agrees": {
            field.orientation: _or_null(value_agreement(chain, field).share)
            for field in (left, right)
        },
    }


def _or_null(share: float) -> float | None:
    """For JSON: no square with a choice gives nan."""
    return None if math.isnan(share) else share


def _heading(agent: Agent, experiment: str) -> str:
    trained = "" if agent.env_steps is None else f" after {agent.env_steps:,} steps"
    return f"{experiment or agent.source.stem}{trained}"


def _write(
    folder: Path,
    fields: Mapping[Placement, list[VectorField]],
    exact: Mapping[Placement, list[dict[str, Any]]],
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
            solved = {"exact": exact[placement][number]}
            about = {"file": name, "cheese_placement": placement}
            plain.append(about | field.to_plain() | solved)
    rows = [
        (f"cheese {placement}", drawn[first : first + _COLUMNS])
        for first in range(0, len(next(iter(fields.values()))), _COLUMNS)
        for placement, drawn in fields.items()
    ]
    save_figure(contact_sheet(rows, heading), folder / "contact-sheet.png", stamp)
    write_json(folder / "fields.json", origin | {"fields": plain})
