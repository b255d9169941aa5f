"""The study `relearning`: train an agent on without a region; what does it learn again, how fast?

The region's units are held at zero in rollouts and updates. That is equivalent to erasing the
region for good: zero weights on both sides of a unit get no gradient. (No weights can express a
zero of a gate's unit, which redistributes its share.) Training is plain, with a fresh
optimiser and without routing, as when somebody else trains an agent that they were given.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chisel import configs, models, routing
from chisel.analysis.ablation import AblationMatrix, Relearning, RelearningCurve, relearning_figure
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.analysis.results import (
    Range,
    Request,
    results_folder,
    runs_of,
    save_figure,
    show,
    write_json,
)
from chisel.configs import ConfigError, LabelsConfig, RoutingConfig, RunConfig, hint
from chisel.models import Agent
from chisel.trainers.runs import seeding
from chisel.trainers.studies.runs import config_of, regions_of, require_positive, trained

STUDY = "relearning"
CONTROL = "random"
"""Name of the control's region in the new runs."""

Parts = list[dict[str, Any]]
"""A region as plain values."""


@dataclass(frozen=True)
class _Variant:
    name: str
    region: str
    parts: Parts
    fresh: bool = False

    @property
    def slug(self) -> str:
        """Name of its run's folder."""
        return self.name.replace(" ", "-").replace(",", "")


def run_study(
    *,
    checkpoint: Path | str,
    region: str,
    frames: int = 200_000,
    points: int = 8,
    controls: int = 1,
    fresh: bool = True,
    levels: int = 500,
    metric: str | None = None,
    settings: str = "",
    seed: int = 1,
    out: Path | str | None = None,
) -> Path:
    """Train on without a region, without random ones of its size, and from scratch.

    Args:
        checkpoint: A run, or a folder of seeds.
        region: The region that is switched off.
        frames: Environment steps to train on for.
        points: Number of times at which held-out episodes are played, besides the start.
        controls: Number of random regions of the same size.
        fresh: Also train a newly initialised network without the region.
        levels: Held-out levels or games each time.
        metric: Metric that counts as regained at 90 % of its former value; None takes the first of
            `P(REGION)`, `success` and `return` that there is.
        settings: Overrides of the run's config, separated by spaces; another task, for instance.
        seed: Number added to the run's own seed, for training on.
        out: Folder for results and runs; None is `studies/relearning-REGION` of the run or group.
            Runs are there whatever the options, and serve again where they were trained alike.

    Returns:
        The folder, with `relearning.json` and a figure.

    Raises:
        ConfigError: There is no such region, or an option is impossible.
        CheckpointError: There is no run.
    """
    request = Request.of(STUDY, run_study, locals())
    require_positive(frames=frames, points=points, levels=levels)
    agents = {path: models.load_agent(path) for path in runs_of(checkpoint)}
    first = next(iter(agents.values()))
    planned = {path: _variants(agent, region, controls, fresh) for path, agent in agents.items()}
    runs = results_folder(checkpoint, first, f"{STUDY}-{region}", out) / "runs"
    curves: dict[str, list[RelearningCurve]] = {}
    whole: dict[str, list[float]] = {}
    ranges: dict[str, Range | None] = {}
    for path, variant in [(run, one) for run, variants in planned.items() for one in variants]:
        config = _config(agents[path], variant, frames, points, seed, shlex.split(settings))
        name = "-".join([variant.slug, *([path.name] if len(agents) > 1 else [])])
        config = dataclasses.replace(config, name=name, runs_dir=str(runs))
        start = _start(agents[path], variant, config)
        before = _evaluate(start, levels)
        chosen = _metric(metric, region, before.metrics)  # may be refused: before any training
        if variant is planned[path][0]:
            for key, estimate in before["none"].metrics.items():
                whole.setdefault(key, []).append(estimate.value)
                ranges[key] = estimate.within
        kept = models.kept_checkpoints(trained(config, option="out"), points + 1)
        stages = [(0, before)]
        for agent in map(models.load_agent, kept):
            stages.append((agent.env_steps or 0, _evaluate(agent, levels)))
        curves.setdefault(variant.name, []).append(_curve(variant.region, stages))
    relearning = Relearning(region, chosen, whole, curves, ranges)
    origins = [request.provenance(agent, config_of(agent), seed=seed) for agent in agents.values()]
    data = relearning.to_plain() | {"command": request.command, "of": origins}
    title = f"{config_of(first).experiment}: trained on without {region}"
    figure = relearning_figure(relearning, title)
    with request.results(
        request.folder(first, stem=f"{STUDY}-{region}", but=("region",))
    ) as folder:
        write_json(folder / "relearning.json", data)
        save_figure(figure, folder / "relearning.png", request.command)
    show(relearning.table())
    return folder


def _metric(asked: str | None, region: str, metrics: Collection[str]) -> str:
    """Choose the metric: the one asked for, or the first default that there is.

    Raises:
        ConfigError: There is none of that name.
    """
    wanted = [asked] if asked is not None else [f"P({region})", "success", "return"]
    found = next((name for name in wanted if name in metrics), None)
    if found is None:
        raise ConfigError(f"metric={asked}: {hint(str(asked), metrics)}")
    return found


def _variants(agent: Agent, region: str, controls: int, fresh: bool) -> list[_Variant]:
    config_of(agent)
    declared = regions_of(agent)
    if region not in declared:
        raise ConfigError(f"region={region}: no such region; {hint(region, declared)}")
    own = f"without {region}"
    parts = declared[region]
    found = [_Variant(own, region, parts)]
    generator = torch.Generator().manual_seed(0)
    try:
        regions = routing.resolve(agent.model, declared)
        for number in range(1, controls + 1):
            drawn = routing.random_like(regions, region, agent.model, generator)
            drawn_parts = routing.Regions([drawn]).to_plain()[drawn.name]
            found.append(_Variant(f"without random {number}", CONTROL, drawn_parts))
    except routing.RoutingError as error:
        raise ConfigError(f"controls: {error}; controls=0 goes without") from error
    if fresh:
        found.append(_Variant(f"from scratch, {own}", region, parts, fresh=True))
    return found


def _declared(parts: Parts) -> Parts:
    """Convert resolved parts to those of a config file: numbers as text, without sizes."""
    return [
        {key: _as_text(value) for key, value in part.items() if key != "size"} for part in parts
    ]


def _as_text(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def _config(
    agent: Agent, variant: _Variant, frames: int, points: int, seed: int, settings: list[str]
) -> RunConfig:
    """Make the config of a run that trains on plainly, with the region dropped everywhere."""
    config = config_of(agent)
    iterations = max(1, frames // (config.algo.num_steps * config.env.num_envs))
    every = max(1, iterations // points)
    algo = config.algo
    if getattr(algo, "anneal_lr", False):
        algo = dataclasses.replace(algo, anneal_lr=False)
    changed = dataclasses.replace(
        config,
        frames=frames,
        seed=config.seed + seed,
        init_seed=None,
        env_seed=None,
        init_from=None if variant.fresh else str(agent.source),
        algo=algo,
        routing=RoutingConfig(
            regions={variant.region: _declared(variant.parts)},
            labels=LabelsConfig(source=config.routing.labels.source),
            drop={variant.region: 1.0},
            freeze=False,
        ),
        trainer=dataclasses.replace(
            config.trainer, checkpoint_every=every, keep_every=every, max_minutes=None
        ),
        tracking=dataclasses.replace(config.tracking, mode="disabled"),
    )
    return configs.override(changed, settings)


def _start(agent: Agent, variant: _Variant, config: RunConfig) -> Agent:
    """Return the agent that is trained on, or a new one, with the region to be ablated."""
    start = dataclasses.replace(agent, config=config, regions={variant.region: variant.parts})
    if not variant.fresh:
        return start
    model = models.build(config.model, agent.spaces, seed=seeding.derive(config, "init"))
    return dataclasses.replace(start, model=model.eval())


def _evaluate(agent: Agent, levels: int) -> AblationMatrix:
    """Play held-out episodes, with the region and without it."""
    return agent_ablation_matrix(agent, levels=levels, split="test", controls=0)


def _curve(region: str, stages: list[tuple[int, AblationMatrix]]) -> RelearningCurve:
    metrics = {
        name: np.array([matrix[region].metrics[name].value for _, matrix in stages])
        for name in stages[0][1].metrics
    }
    return RelearningCurve(np.array([frames for frames, _ in stages]), metrics)
