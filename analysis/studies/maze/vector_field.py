"""The study `vector-field`: draw an agent's policy and values in mazes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from chisel.analysis.evaluation import PLACEMENTS, Placement, Split, maze_run
from chisel.analysis.maze import (
    MazePolicy,
    Orientation,
    VectorField,
    compared_policy,
    comparison_figure,
    contact_sheet,
    field_figure,
    held_out_states,
    maze_policy,
    policy_change,
)
from chisel.analysis.results import Count, DataTable, Result, Seed, bootstrap_mean, name_of
from chisel.envs.maze import observe_states
from chisel.models import Agent

_DRAWN = 6
"""Number of mazes that are drawn, and are side by side on the contact sheet."""
_COMPARED = 30
"""Default number of mazes if something is compared."""


@dataclass(frozen=True)
class _Maze:
    """A maze with the agent's policy, and with the policy that it is compared with, if any."""

    number: int
    placement: Placement
    policies: tuple[MazePolicy, ...]
    fields: tuple[VectorField, ...]
    """Fields of the policies, for a mouse that faces the requested side."""

    @property
    def name(self) -> str:
        """Return the name of the maze's figure."""
        return f"{self.number:02d}-{self.placement}"


def run(
    checkpoint: Agent,
    *,
    levels: Count | None = None,
    split: Split = "test",
    seed: Seed = 0,
    orientation: Orientation = "left",
    steer: str | None = None,
    ablate: str | None = None,
    other: Agent | None = None,
) -> Result:
    """Draw an agent's policy and values on some levels, or their change by an intervention.

    With steer, ablate or other, each maze is drawn before and after, with the difference.

    Args:
        checkpoint: A maze agent.
        levels: Number of mazes, each with the cheese as in training and anywhere; left out, 6, or
            30 for a comparison. The first six are drawn.
        split: Split that the layouts come from.
        seed: Seed of the mazes.
        orientation: Side that the mouse faces.
        steer: Vectors to add, FILE:COEFF separated by commas, as `chisel eval` takes them.
        ablate: Regions to ablate, REGION[:MODE] separated by commas.
        other: Another agent with the same observations, to compare with.

    Returns:
        A figure for each drawn maze and placement, a contact sheet, and the numbers behind them
        with the exact outcome of an episode within the timeout. A comparison also gives a figure of
        each maze's change, and a table.

    Raises:
        ConfigError: If an option is impossible or an intervention does not fit.
        CheckpointError: If a vector's file is missing, or the other agent has other observations.
    """
    agent, config = checkpoint, maze_run(checkpoint)
    compared = compared_policy(agent, config, steer=steer, ablate=ablate, other=other)
    wanted = levels or (_COMPARED if compared else _DRAWN)
    observe = functools.partial(observe_states, config=config.env)
    mazes: list[_Maze] = []
    for placement in PLACEMENTS:
        states = held_out_states(
            agent, config.env, placement, levels=wanted, split=split, seed=seed
        )
        sides = [[maze_policy(agent.outputs, one, observe, config.env) for one in states]]
        if compared is not None:
            with compared.context():
                sides.append(
                    [maze_policy(compared.outputs, one, observe, config.env) for one in states]
                )
        for number, policies in enumerate(zip(*sides, strict=True)):
            fields = tuple(one.facing(orientation) for one in policies)
            mazes.append(_Maze(number, placement, policies, fields))
    data = [_data(one) for one in mazes]
    drawn = [one for one in mazes if one.number < _DRAWN]
    trained = "" if agent.env_steps is None else f" after {agent.env_steps:,} steps"
    sheet = contact_sheet(_rows(drawn), f"{name_of(agent)}{trained}")
    name = compared.name if compared else ""
    return Result(
        data={**({"after": compared.plain} if compared else {}), "fields": data},
        tables={"change": _table(data, name)} if compared else {},
        figures={**_figures(drawn, name_of(agent), name), "contact-sheet": sheet},
    )


def _data(maze: _Maze) -> dict[str, Any]:
    first, *after = (
        field.to_plain() | {"exact": policy.exact()}
        for field, policy in zip(maze.fields, maze.policies, strict=True)
    )
    change = policy_change(*maze.policies) if after else None
    return {
        "file": f"{maze.name}.png" if maze.number < _DRAWN else None,
        "cheese_placement": maze.placement,
        **first,
        **({"after": after[0], "total_variation": change} if after else {}),
    }


def _figures(mazes: Sequence[_Maze], agent: str, name: str) -> dict[str, Figure]:
    """Draw each maze of an agent and, if it is compared with the policy `name`, the change."""
    figures = {}
    for maze in mazes:
        field, *after = maze.fields
        side = field.state.maze_dim
        title = f"{agent}: level {field.state.level_seed}, {side}×{side}, cheese {maze.placement}"
        figures[maze.name] = field_figure(field, title)
        for changed in after:
            figures[f"{maze.name}-change"] = comparison_figure(
                field, changed, f"{title}; after: {name}"
            )
    return figures


def _rows(mazes: Sequence[_Maze]) -> list[tuple[str, list[VectorField]]]:
    """Return labels and fields of the contact sheet's rows; compared ones are below each other."""
    rows: dict[str, list[VectorField]] = {}
    for maze in mazes:
        for when, field in zip(("", "after: "), maze.fields, strict=False):
            rows.setdefault(f"{when}cheese {maze.placement}", []).append(field)
    return list(rows.items())


def _table(fields: Sequence[Mapping[str, Any]], name: str) -> DataTable:
    generator = np.random.default_rng(0)
    rows = []
    for placement in PLACEMENTS:
        mazes = [one for one in fields if one["cheese_placement"] == placement]
        columns = {
            f"P({goal}){when}": [side["exact"][goal] for side in sides]
            for goal in ("cheese", "corner")
            for when, sides in (("", mazes), (" after", [one["after"] for one in mazes]))
        }
        for over in ("squares", "visited"):
            columns[over] = [one["total_variation"][over] for one in mazes]
        rows.append(
            {"cheese": placement, "mazes": len(mazes)}
            | {
                head: bootstrap_mean(column, generator, within=(0, 1))
                for head, column in columns.items()
            }
        )
    return DataTable(
        f"After: {name}",
        rows,
        caption="exact, within the timeout; total variation of the policy over squares, and "
        "weighted by how often the policy before is there",
        spread="95 % intervals over mazes",
    )
