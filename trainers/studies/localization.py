"""The study `localization`: whether labelled gradients, and what they teach, end up in a region."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from chisel import models
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.analysis.localization import (
    Condition,
    Elements,
    Localization,
    LocalizedRun,
    Snapshot,
    SquaredGradientNorms,
    sides_of,
    write_localization,
)
from chisel.analysis.results import Request, progress_bars, provenance, runs_of, show
from chisel.configs import CheckpointError
from chisel.models import Agent
from chisel.trainers.studies.dry_run import CONDITIONS, DryRun, make_dry_run
from chisel.trainers.studies.runs import require_positive

STUDY = "localization"


@dataclass(frozen=True)
class _Options:
    frames: int
    batch: int
    points: int
    levels: int | None
    split: str
    mode: str
    controls: int
    seed: int


def run_study(
    *,
    checkpoint: Path | str,
    shuffled: str | None = None,
    frames: int = 8192,
    batch: int = 512,
    points: int = 12,
    levels: int | None = None,
    split: Literal["validation", "test"] = "test",
    mode: Literal["zero", "mean", "resample"] = "zero",
    controls: int = 3,
    seed: int = 0,
    out: Path | str | None = None,
) -> Path:
    """Measure squared gradient norms, absorption and the ablation matrix of a routed agent.

    Args:
        checkpoint: A run, one of its checkpoints, or a folder of seeds.
        shuffled: The same for runs trained with `routing.labels.shuffled=true`, as a control.
        frames: Environment steps that the agent plays at each checkpoint.
        batch: Examples per gradient.
        points: Number of checkpoints, besides the network as it was initialised.
        levels: Held-out levels or games for each row of the ablation matrix; None is `eval.levels`.
        split: Split of these levels, where there are splits.
        mode: How units are ablated.
        controls: Number of random regions for each region.
        seed: Seed of the rollouts and the bootstrap.
        out: Folder for the results; None is `studies/localization` of the run or group.

    Returns:
        The folder, with `localization.json` and figures.

    Raises:
        ConfigError: An option is impossible, or the agent has no regions.
        CheckpointError: There is no run.
    """
    request = Request.of(STUDY, run_study, locals())
    require_positive(frames=frames, batch=batch, points=points)
    options = _Options(frames, batch, points, levels, split, mode, controls, seed)
    first = models.load_agent(runs_of(checkpoint)[0])
    folder = request.folder(first)
    studied = _localization(checkpoint, options, request.command)
    control = None if shuffled is None else _localization(shuffled, options, request.command)
    with request.results(folder):
        tables = write_localization(folder, studied, control)
    for table in tables:
        show(table)
    return folder


def _localization(checkpoint: Path | str, options: _Options, command: str) -> Localization:
    return Localization(tuple(_run(path, options, command) for path in runs_of(checkpoint)))


def _run(path: Path, options: _Options, command: str) -> LocalizedRun:
    agent = models.load_agent(path)
    dry_run = make_dry_run(agent, seed=options.seed)
    try:
        snapshots = _snapshots(dry_run, agent, path, options)
    finally:
        dry_run.close()
    router = dry_run.routes.router
    assert agent.config is not None  # `make_dry_run` has refused others
    return LocalizedRun(
        provenance(agent, agent.config, seed=options.seed, command=command),
        sides_of(dry_run.kinds, tuple(router.regions), router.rules.rules),
        snapshots,
        agent_ablation_matrix(
            agent,
            levels=options.levels,
            split=options.split,
            mode=options.mode,
            controls=options.controls,
        ),
    )


def _snapshots(
    dry_run: DryRun, agent: Agent, path: Path, options: _Options
) -> tuple[Snapshot, ...]:
    """Measure the network as initialised, unless it started from weights, and at checkpoints."""
    if agent.source.parent.name != models.CHECKPOINTS:
        raise CheckpointError(f"{agent.source} has weights alone; this needs a run's checkpoint")
    moments: list[Path | None] = [agent.source]
    if path.is_dir():
        untrained = agent.config is not None and agent.config.init_from is None
        kept = models.kept_checkpoints(agent.source.parent.parent, options.points)
        moments = [*([None] if untrained else []), *kept]
    found = []
    with progress_bars() as progress:
        for number, moment in enumerate(moments, 1):
            if moment is None:
                dry_run.reset()
            else:
                dry_run.load(moment)
            found.append(snapshot(dry_run, options.frames, options.batch, options.seed))
            progress("checkpoints", number, len(moments))
    return tuple(found)


def snapshot(dry_run: DryRun, frames: int, batch: int, seed: int) -> Snapshot:
    """Measure the squared gradient norms of all elements with the current weights.

    Args:
        dry_run: Dry run of the run.
        frames: Environment steps to play.
        batch: Examples per gradient, roughly.
        seed: Seed of the order in which examples are taken.
    """
    router, kinds = dry_run.routes.router, dry_run.kinds
    elements = Elements.of(dry_run.module.model, router.owned())
    # Without rules of their own, unlabelled examples are learnt from as if nothing were routed.
    plain = all(weight == 1 for weight in router.rules.unlabelled.values())
    measured = [c for c in CONDITIONS if not (plain and c == "unlabelled")]
    rows: dict[Condition, list[NDArray[np.float64]]] = {condition: [] for condition in measured}
    generator = torch.Generator().manual_seed(seed)
    for examples in dry_run.batches(frames, batch, generator):
        for condition in measured:
            row = np.full((len(kinds), *elements.sizes.shape), np.nan)
            for kind in range(len(kinds)):
                gradients = dry_run.gradients(examples, condition, kind)
                if gradients is not None:
                    row[kind] = elements.squares(gradients)
            rows[condition].append(row)
    norms = {c: SquaredGradientNorms(kinds, elements, np.stack(found)) for c, found in rows.items()}
    if plain:
        norms["unlabelled"] = norms["without routes"]
    return Snapshot(dry_run.env_steps, norms)
