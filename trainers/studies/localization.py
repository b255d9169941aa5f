"""The study `localization`: measure whether gradients, and what they teach, end up in a region."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

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
    localization_result,
    sides_of,
)
from chisel.analysis.results import Agents, Count, ProgressCallback, Result, Seed, Within, counted
from chisel.configs import CheckpointError, ConfigError
from chisel.models import Agent
from chisel.trainers.studies.dry_run import CONDITIONS, DryRun, make_dry_run


def run(
    checkpoint: Agents,
    *,
    shuffled: Agents | None = None,
    frames: Count = 8192,
    batch: Count = 512,
    points: Count = 12,
    levels: Count | None = None,
    split: Literal["validation", "test"] | None = None,
    mode: Literal["zero", "mean", "resample"] = "zero",
    controls: Annotated[int, Within(0)] = 3,
    seed: Seed = 0,
) -> Result:
    """Measure squared gradient norms, absorption and the ablation matrix of a routed agent.

    Args:
        checkpoint: A run, one of its checkpoints, or a folder of seeds.
        shuffled: The same of runs that were trained with `routing.labels.shuffled=true`, as a
            control.
        frames: Environment steps that the agent plays at each checkpoint.
        batch: Examples per gradient.
        points: Number of checkpoints, besides the initial network.
        levels: Held-out levels or games for each row of the ablation matrix; by default
            `eval.levels`.
        split: Split of these levels; left out, `eval.split`.
        mode: How units are ablated.
        controls: Number of random regions for each region.
        seed: Seed of the rollouts and of the order of examples.

    Returns:
        Gradients by region and layer, absorption over training, ablation matrices, and figures.

    Raises:
        ConfigError: If an agent has no regions, or none that distinguish labels.
        CheckpointError: If an agent has only weights, without a run's checkpoint.
    """

    def measure(agents: Agents) -> Localization:
        whole = Path(agents.path).is_dir()

        def of_one(agent: Agent, progress: ProgressCallback) -> LocalizedRun:
            moments = _moments(agent, points, whole)
            with closing(make_dry_run(agent, seed=seed)) as dry_run:
                router = dry_run.routes.router
                sides = sides_of(dry_run.kinds, tuple(router.regions), router.rules.rules)
                if not sides:
                    raise ConfigError(
                        f"{agent.source}: no kind of example has regions of its own that another "
                        "kind has not, so there is nothing to localize; see the study ablation"
                    )
                snapshots = []
                for moment in counted(moments, "checkpoints", progress):
                    dry_run.load(moment)
                    snapshots.append(snapshot(dry_run, frames, batch, seed))
            return LocalizedRun(
                sides,
                tuple(snapshots),
                agent_ablation_matrix(
                    agent,
                    levels=levels,
                    split=split,
                    mode=mode,
                    controls=controls,
                    progress=progress,
                ),
            )

        return Localization(tuple(agents.each(of_one)))

    studied = measure(checkpoint)
    control = None if shuffled is None else measure(shuffled)
    return localization_result(studied, control, checkpoint.title)


def _moments(agent: Agent, points: int, whole: bool) -> list[Path | None]:
    """Return the checkpoints to measure; `None` stands for the initial network of a whole run.

    Raises:
        CheckpointError: If the agent does not come from a run's checkpoint.
    """
    if agent.source.parent.name != models.CHECKPOINTS:
        raise CheckpointError(f"{agent.source} has only weights; this needs a run's checkpoint")
    if not whole:
        return [agent.source]
    untrained = agent.config is not None and agent.config.init_from is None
    kept = models.kept_checkpoints(agent.source.parent.parent, points)
    return [*([None] if untrained else []), *kept]


def snapshot(dry_run: DryRun, frames: int, batch: int, seed: int) -> Snapshot:
    """Measure the squared gradient norms of all elements with the current weights.

    Args:
        dry_run: The dry run, with the weights loaded.
        frames: Environment steps to play.
        batch: Approximate number of examples per gradient.
        seed: Seed of the order of examples.
    """
    router, kinds = dry_run.routes.router, dry_run.kinds
    elements = Elements.of(dry_run.module.model, router.owned())
    # Without their own rules, unlabelled examples are trained on as if nothing were routed.
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
