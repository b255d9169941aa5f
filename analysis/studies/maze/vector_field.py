"""The study `vector-field`: policy and values in mazes, the cheese as in training and anywhere."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table

from chisel.analysis.evaluation import PLACEMENTS, Placement
from chisel.analysis.maze import (
    ComparedPolicy,
    MazePolicy,
    compared_policy,
    comparison_figure,
    contact_sheet,
    field_figure,
    held_out_states,
    maze_policy,
    policy_change,
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
"""Number of mazes that are drawn, side by side on the contact sheet."""
_COMPARED = 30
"""Default number of mazes if something is compared."""

Policies = Mapping[Placement, Sequence[MazePolicy]]
"""By placement of the cheese, the policy in each maze."""


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
    """Draw an agent's policy and values on some levels, or their change by an intervention.

    With steer, ablate or other, each maze is drawn before and after, with the difference.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        levels: Number of mazes, each with the cheese as in training and anywhere; None is 6, or 30
            if something is compared. The first six are drawn.
        split: Split that the layouts come from.
        seed: Seed of the mazes.
        orientation: Side that the mouse faces.
        steer: Vectors to add, FILE:COEFF separated by commas, as `chisel eval` takes them.
        ablate: Regions to ablate, REGION[:MODE] separated by commas.
        other: Another checkpoint with the same observations, to compare with.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/vector-field` of the run.

    Returns:
        The folder, with a PNG per drawn maze and placement, `contact-sheet.png` and `fields.json`,
        which also has the exact outcome of an episode within the timeout. If something is compared,
        also a `…-change.png` for each maze and `tables.json`.

    Raises:
        ConfigError: If an option is impossible or an intervention does not fit.
        CheckpointError: If there is no agent or vector, or the other has other observations.
    """
    asked = Request.of(STUDY, run, locals())
    if levels is None:
        levels = _COMPARED if steer or ablate or other else _DRAWN
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    agent = take_agent(checkpoint, env=env)
    config = maze_run(agent)
    compared = compared_policy(agent, config, steer=steer, ablate=ablate, other=other)
    observe = functools.partial(observe_states, config=config.env)
    before: dict[Placement, list[MazePolicy]] = {}
    after: dict[Placement, list[MazePolicy]] = {}
    for placement in PLACEMENTS:
        states = held_out_states(
            agent, config.env, placement, levels=levels, split=split, seed=seed
        )
        before[placement] = [maze_policy(agent.outputs, one, observe, config.env) for one in states]
        if compared is not None:
            with compared.context():
                after[placement] = [
                    maze_policy(compared.outputs, one, observe, config.env) for one in states
                ]
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
    before: Policies,
    after: Policies,
    compared: ComparedPolicy | None,
    origin: dict[str, Any],
    orientation: str,
    heading: str,
) -> None:
    stamp = f"sha256 {origin['sha256']}, seed {origin['seed']}"
    plain = []
    for placement, policies in before.items():
        for number, policy in enumerate(policies):
            field, drawn = policy.facing(orientation), number < _DRAWN
            dim = field.state.maze_dim
            title = f"level {field.state.level_seed}, {dim}×{dim}, cheese {placement}"
            name = f"{number:02d}-{placement}.png"
            if drawn:
                save_figure(field_figure(field, title), folder / name, stamp)
            about: dict[str, Any] = {"file": name if drawn else None, "cheese_placement": placement}
            about |= field.to_plain() | {"exact": policy.exact()}
            if compared is not None:
                second = after[placement][number]
                if drawn:
                    figure = comparison_figure(
                        field, second.facing(orientation), f"{title}; after: {compared.name}"
                    )
                    save_figure(figure, folder / f"{number:02d}-{placement}-change.png", stamp)
                about["after"] = second.facing(orientation).to_plain() | {"exact": second.exact()}
                about["total_variation"] = policy_change(policy, second)
            plain.append(about)
    sheet = contact_sheet(_rows(before, after, orientation), heading)
    save_figure(sheet, folder / "contact-sheet.png", stamp)
    about_after = {} if compared is None else {"after": dict(compared.plain)}
    write_json(folder / "fields.json", origin | about_after | {"fields": plain})


def _rows(before: Policies, after: Policies, orientation: str) -> list[tuple[str, list[Any]]]:
    """Return labels and fields of the contact sheet's rows, those compared below each other."""
    rows = []
    for placement in before:
        for when, policies in (("", before), ("after: ", after)):
            if placement in policies:
                fields = [one.facing(orientation) for one in policies[placement][:_DRAWN]]
                rows.append((f"{when}cheese {placement}", fields))
    return rows


def _table(before: Policies, after: Policies, name: str) -> Table:
    table = new_table(
        title=f"After: {name}",
        caption="exact, within the timeout; total variation of the policy over squares, and "
        "weighted by how often the policy before is there. 95 % intervals over mazes",
        words=["cheese"],
        numbers=("n", "P(cheese)", "after", "P(corner)", "after", "squares", "visited"),
    )
    generator = np.random.default_rng(0)
    for placement, policies in before.items():
        pairs = list(zip(policies, after[placement], strict=True))
        ends = [[policy.exact() for policy in pair] for pair in pairs]
        moved = [policy_change(*pair) for pair in pairs]
        columns = [
            [both[k][goal] for both in ends] for goal in ("cheese", "corner") for k in (0, 1)
        ]
        columns += [[one[key] for one in moved] for key in ("squares", "visited")]
        cells = [bootstrap_mean(column, generator, within=(0, 1)) for column in columns]
        texts = [f"{one.value:.2f} ({one.low:.2f}, {one.high:.2f})" for one in cells]
        table.add_row(placement, str(len(pairs)), *texts)
    return table
