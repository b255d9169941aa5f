"""The study `vector-field`: the same mazes with the cheese as in training, and anywhere."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table

from chisel.analysis.evaluation import PLACEMENTS, Placement, held_out_levels
from chisel.analysis.maze import (
    OtherSide,
    Side,
    change,
    comparison_figure,
    contact_sheet,
    field_figure,
    other_side,
    side_of,
)
from chisel.analysis.results import (
    Request,
    bootstrap_mean,
    keep_tables,
    maze_run,
    new_table,
    save_figure,
    take_agent,
    write_json,
)
from chisel.configs import ConfigError
from chisel.envs.maze import observe_states
from chisel.models import Agent

STUDY = "vector-field"
_DRAWN = 6
"""Mazes that are drawn, side by side on the contact sheet."""
_COMPARED = 30
"""Mazes over which means are taken where something is compared."""

Sides = Mapping[Placement, Sequence[Side]]


def run(
    *,
    checkpoint: Path | str,
    levels: int | None = None,
    split: Literal["all", "train", "validation", "test"] = "test",
    seed: int = 0,
    orientation: Literal["left", "right"] = "left",
    steer: str | None = None,
    ablate: str | None = None,
    other: str | None = None,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Draw an agent's policy and values on some levels; or what an intervention makes of them.

    With steer, ablate or other, each maze is drawn before, after, and as the difference.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        levels: How many mazes, each with the cheese as in training and anywhere; None is 6, and 30
            where something is compared. The first six are drawn.
        split: Which layouts.
        seed: Which mazes of the split.
        orientation: Which way the mouse faces.
        steer: Vectors to add, FILE:COEFF with commas between, as `chisel eval` takes them.
        ablate: Regions to switch off, REGION[:MODE] with commas between.
        other: Another checkpoint that sees the same, as the side after.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/vector-field` of the run.

    Returns:
        The folder, with a PNG per drawn maze and placement, `contact-sheet.png` and `fields.json`,
        which also says what becomes of an episode, exactly, within the timeout. Compared, also a
        `…-change.png` for each, and `tables.json`.

    Raises:
        ConfigError: If an option is impossible or an intervention does not fit.
        CheckpointError: If there is no agent or vector, or the other sees something else.
    """
    asked = Request.of(STUDY, run, locals())
    if levels is None:
        levels = _COMPARED if steer or ablate or other else _DRAWN
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    agent = take_agent(checkpoint, env=env)
    config = maze_run(agent)
    compared = other_side(agent, config, steer=steer, ablate=ablate, other=other)
    observe = functools.partial(observe_states, config=config.env)
    before: dict[Placement, list[Side]] = {}
    after: dict[Placement, list[Side]] = {}
    for placement in PLACEMENTS:
        level_set = held_out_levels(
            agent, config.env, placement, levels=levels, split=split, seed=seed
        )
        states = [level_set.state(index) for index in range(levels)]
        before[placement] = [side_of(agent.outputs, one, observe, config.env) for one in states]
        if compared is not None:
            with compared.context():
                sides = [side_of(compared.outputs, one, observe, config.env) for one in states]
            after[placement] = sides
    origin = asked.provenance(agent, config, seed=seed)
    heading = _heading(agent, config.experiment)
    with asked.results(asked.folder(agent)) as folder:
        _write(folder, before, after, compared, origin, orientation, heading)
        if compared is not None:
            keep_tables(folder, [_table(before, after, compared.name)])
    return folder


def _heading(agent: Agent, experiment: str) -> str:
    trained = "" if agent.env_steps is None else f" after {agent.env_steps:,} steps"
    return f"{experiment or agent.source.stem}{trained}"


def _write(
    folder: Path,
    before: Sides,
    after: Sides,
    compared: OtherSide | None,
    origin: dict[str, Any],
    orientation: str,
    heading: str,
) -> None:
    stamp = f"sha256 {origin['sha256']}, seed {origin['seed']}"
    plain = []
    for placement, sides in before.items():
        for number, side in enumerate(sides):
            field, drawn = side.facing(orientation), number < _DRAWN
            dim = field.state.maze_dim
            title = f"level {field.state.level_seed}, {dim}×{dim}, cheese {placement}"
            name = f"{number:02d}-{placement}.png"
            if drawn:
                save_figure(field_figure(field, title), folder / name, stamp)
            about: dict[str, Any] = {"file": name if drawn else None, "cheese_placement": placement}
            about |= field.to_plain() | {"exact": side.exact()}
            if compared is not None:
                there = after[placement][number]
                if drawn:
                    figure = comparison_figure(
                        field, there.facing(orientation), f"{title}; after: {compared.name}"
                    )
                    save_figure(figure, folder / f"{number:02d}-{placement}-change.png", stamp)
                about["after"] = there.facing(orientation).to_plain() | {"exact": there.exact()}
                about["total_variation"] = change(side, there)
            plain.append(about)
    sheet = contact_sheet(_rows(before, after, orientation), heading)
    save_figure(sheet, folder / "contact-sheet.png", stamp)
    side_after = {} if compared is None else {"after": dict(compared.plain)}
    write_json(folder / "fields.json", origin | side_after | {"fields": plain})


def _rows(before: Sides, after: Sides, orientation: str) -> list[tuple[str, list[Any]]]:
    """Labels and fields of the contact sheet: what is compared, one below the other."""
    rows = []
    for placement in before:
        for when, sides in (("", before), ("after: ", after)):
            if placement in sides:
                fields = [side.facing(orientation) for side in sides[placement][:_DRAWN]]
                rows.append((f"{when}cheese {placement}", fields))
    return rows


def _table(before: Sides, after: Sides, name: str) -> Table:
    table = new_table(
        title=f"After: {name}",
        caption="exact, within the timeout; total variation of the policy over squares, and "
        "weighted by how often the policy before is there. 95 % intervals over mazes",
    )
    for head in ("cheese", "n", "P(cheese)", "after", "P(corner)", "after", "squares", "visited"):
        table.add_column(head, justify="left" if head == "cheese" else "right")
    generator = np.random.default_rng(0)
    for placement, sides in before.items():
        pairs = list(zip(sides, after[placement], strict=True))
        ends = [[side.exact() for side in pair] for pair in pairs]
        moved = [change(*pair) for pair in pairs]
        columns = [
            [both[k][goal] for both in ends] for goal in ("cheese", "corner") for k in (0, 1)
        ]
        columns += [[one[key] for one in moved] for key in ("squares", "visited")]
        cells = [bootstrap_mean(column, generator, within=(0, 1)) for column in columns]
        texts = [f"{one.value:.2f} ({one.low:.2f}, {one.high:.2f})" for one in cells]
        table.add_row(placement, str(len(pairs)), *texts)
    return table
