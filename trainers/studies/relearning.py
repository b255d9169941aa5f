"""The study `relearning`: train an agent on without a region, and measure what it learns again.

The region's units are held at zero in rollouts and updates. This is equivalent to erasing the
region, because zero weights on both sides of a unit get no gradient. (No weights can express a
gate's unit of zero, which redistributes its share.) Training has a fresh optimiser and no routing,
as if somebody else trained an agent that they were given.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from chisel import configs, models, routing
from chisel.analysis.ablation import (
    AblationMatrix,
    Relearning,
    RelearningCurve,
    regions_of,
    relearning_figure,
)
from chisel.analysis.evaluation import agent_ablation_matrix, judged_by
from chisel.analysis.results import Agents, Count, Result, Within
from chisel.configs import ConfigError, LabelsConfig, RoutingConfig, RunConfig, hint
from chisel.models import Agent
from chisel.trainers.runs import seeding
from chisel.trainers.studies.runs import config_of, measure_runs, split_settings

CONTROL = "random"
"""Name of the control's region in the new runs."""

Parts = list[dict[str, Any]]
"""A region as plain values."""
_Stage = tuple[int, AblationMatrix]
"""Number of frames of training, and the ablation matrix of the agent after them."""


@dataclass(frozen=True)
class _Variant:
    """An agent that is trained on without a region."""

    agent: Agent
    region: dict[str, Parts]
    """The region, by its name in the new run."""
    fresh: bool = False
    """Whether a newly initialised network replaces the agent's."""


def run(
    checkpoint: Agents,
    *,
    region: str,
    frames: Count = 200_000,
    points: Count = 8,
    controls: Annotated[int, Within(0)] = 1,
    fresh: bool = True,
    levels: Count = 500,
    metric: str | None = None,
    settings: str = "",
    seed: int = 1,
    runs_dir: str | None = None,
) -> Result:
    """Train on without a region, without random regions of its size, and from scratch.

    Args:
        checkpoint: An agent with regions, or a folder of seeds.
        region: Name of the region that is ablated.
        frames: Environment steps of further training.
        points: Number of times at which held-out episodes are played, besides the start.
        controls: Number of random regions of the same size.
        fresh: Also train a newly initialised network without the region.
        levels: Number of held-out levels or games each time.
        metric: Metric that counts as regained at 90 % of its former value; by default the first
            existing one of `P(REGION)`, `success` and `return`.
        settings: Overrides of the run's config, separated by spaces, for example another task.
        seed: Number that is added to the run's seed for further training.
        runs_dir: Folder of the new runs; by default `studies/relearning-REGION/runs` of the run or
            group, whatever the other options are.

    Returns:
        Metrics over further training, a table of the first and last values, and a figure.

    Raises:
        ConfigError: If there is no such region or metric, no units to draw a control from, or a run
            was trained with other settings.
    """
    changed = split_settings(settings)
    variants = checkpoint.each(lambda agent, _: _variants(agent, region, controls, fresh))
    home = checkpoint.folder(f"relearning-{region}") / "runs"
    evaluate = functools.partial(agent_ablation_matrix, levels=levels, controls=0)
    plans: dict[str, list[RunConfig]] = {}
    starts: dict[str, list[AblationMatrix]] = {}
    for own, name in zip(variants, checkpoint.names, strict=True):
        for title, variant in own.items():
            config = _config(variant, frames, points, seed, changed)
            slug = f"{title}-{name}".replace(" ", "-").replace(",", "").strip("-")
            config = dataclasses.replace(config, name=slug, runs_dir=runs_dir or str(home))
            start = evaluate(_start(variant, config))
            chosen = _metric(metric, region, start.metrics)  # may be refused: before any training
            _require_more_is_better(chosen, region, variant.agent, start)
            plans.setdefault(title, []).append(config)
            starts.setdefault(title, []).append(start)

    def stages(folder: Path) -> list[_Stage]:
        kept = map(models.load_agent, models.kept_checkpoints(folder, points + 1))
        return [(agent.env_steps or 0, evaluate(agent)) for agent in kept]

    later = measure_runs(plans, stages)
    curves = {
        title: [
            _curve([(0, start), *rest])
            for start, rest in zip(starts[title], later[title], strict=True)
        ]
        for title in plans
    }
    whole = [start["none"].metrics for start in starts[_without(region)]]
    values = {name: [metrics[name].value for metrics in whole] for name in whole[0]}
    ranges = {name: estimate.within for name, estimate in whole[0].items()}
    found = Relearning(region, chosen, values, curves, ranges)
    figure = relearning_figure(found, f"{checkpoint.title}: trained on without {region}")
    return Result(found.to_plain(), {"relearning": found.table()}, {"relearning": figure})


def _without(region: str) -> str:
    return f"without {region}"


def _metric(asked: str | None, region: str, metrics: Collection[str]) -> str:
    """Choose the metric: the one asked for, or the first default that there is.

    Raises:
        ConfigError: If there is no such metric.
    """
    wanted = [asked] if asked is not None else [f"P({region})", "success", "return"]
    found = next((name for name in wanted if name in metrics), None)
    if found is None:
        raise ConfigError(f"metric={asked}: {hint(str(asked), metrics)}")
    return found


def _require_more_is_better(metric: str, region: str, agent: Agent, start: AblationMatrix) -> None:
    """Check that 90 % of the whole network's value is a goal.

    Raises:
        ConfigError: If less is better, or the value is not above 0.
    """
    lower = {one.name for one in judged_by(agent)[0].metrics if one.better == "lower"}
    if metric in lower - {f"P({region})"}:
        raise ConfigError(f"metric={metric}: less of it is better, so there is nothing to regain")
    whole = start["none"].metrics[metric].value
    if whole <= 0:
        raise ConfigError(
            f"metric={metric}: the whole network has {whole:.3g}, and 90 % of it is no goal; "
            "choose a metric that is above 0"
        )


def _variants(agent: Agent, region: str, controls: int, fresh: bool) -> dict[str, _Variant]:
    """Return the agents to train on, by their names in tables.

    Raises:
        ConfigError: If there is no such region, or no units to draw a control from.
    """
    regions = regions_of(agent)
    if region not in regions:
        raise ConfigError(f"region={region}: no such region; {hint(region, regions)}")
    own = {region: regions.to_plain()[region]}
    found = {_without(region): _Variant(agent, own)}
    generator = torch.Generator().manual_seed(0)
    for number in range(1, controls + 1):
        try:
            drawn = routing.random_like(regions, region, agent.model, generator)
        except routing.RoutingError as error:
            raise ConfigError(f"controls: {error}; controls=0 goes without") from error
        parts = routing.Regions([drawn]).to_plain()[drawn.name]
        found[f"without random {number}"] = _Variant(agent, {CONTROL: parts})
    if fresh:
        found[f"from scratch, {_without(region)}"] = _Variant(agent, own, fresh=True)
    return found


def _declared(parts: Parts) -> Parts:
    """Convert resolved parts to parts of a config file: with numbers as text, and without sizes."""
    return [
        {key: _as_text(value) for key, value in part.items() if key != "size"} for part in parts
    ]


def _as_text(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def _config(
    variant: _Variant, frames: int, points: int, seed: int, settings: list[str]
) -> RunConfig:
    """Make the config of a run that trains on plainly, with the region dropped everywhere."""
    agent = variant.agent
    config = config_of(agent.config, agent.source)
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
            regions={name: _declared(parts) for name, parts in variant.region.items()},
            labels=LabelsConfig(source=config.routing.labels.source),
            drop=dict.fromkeys(variant.region, 1.0),
            freeze=False,
        ),
        trainer=dataclasses.replace(
            config.trainer, checkpoint_every=every, keep_every=every, max_minutes=None
        ),
        tracking=dataclasses.replace(config.tracking, mode="disabled"),
    )
    return configs.override(changed, settings)


def _start(variant: _Variant, config: RunConfig) -> Agent:
    """Return the agent at the start of further training, with the config of its new run."""
    agent = dataclasses.replace(variant.agent, config=config, regions=variant.region)
    if not variant.fresh:
        return agent
    model = models.build(config.model, agent.spaces, seed=seeding.derive(config, "init"))
    return dataclasses.replace(agent, model=model.eval())


def _curve(stages: list[_Stage]) -> RelearningCurve:
    without = [matrix.rows[-1].metrics for _, matrix in stages]
    return RelearningCurve(
        frames=np.array([frames for frames, _ in stages]),
        metrics={name: np.array([one[name].value for one in without]) for name in without[0]},
    )
