"""The study `leaks`: check that training on a label doesn't change regions closed to it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chisel import configs, models, routing
from chisel.analysis.results import Count, DataTable, Result, Seed
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent
from chisel.trainers.onpolicy.module import OnPolicy
from chisel.trainers.routed.routes import Routes
from chisel.trainers.studies.dry_run import build_module, routed_losses_only
from chisel.trainers.studies.runs import config_of, split_settings

FREE = "unlabelled"
"""Name for examples without a label."""

_FATAL = ("tied", "path", "mixing")
"""Kinds of leaks by which a region learns from examples that are routed away from it.

A `reader` is not among them: a layer outside that reads the region's units is shared, as heads
usually are.
"""


@dataclass(frozen=True)
class Movement:
    """The change of a region in optimiser steps on examples of one label only."""

    label: str
    region: str
    weight: float
    """Weight of the label's gradient in the region."""
    closed: bool
    """Whether the weight is 0, for every loss term."""
    change: float | None
    """Largest absolute change of any element that the region owns; `None` if it is untested,
    because the region owns none, is unprotected, or had no gradient in the steps before."""
    where: str | None
    """Name of the parameter with that element."""

    @property
    def leaked(self) -> bool:
        """Whether a closed region moved."""
        return self.closed and self.change not in (0, None)


def run(
    checkpoint: Agent | None = None,
    *,
    experiment: str | None = None,
    settings: str = "",
    steps: Count = 20,
    seed: Seed = 0,
) -> Result:
    """Take optimiser steps on one label at a time, and measure which regions change.

    Args:
        checkpoint: A run, whose trained network is tested.
        experiment: Instead of a run, an experiment with routing, whose initial network is tested.
        settings: Overrides of the config, separated by spaces.
        steps: Number of optimiser steps on all labels, in which momentum builds up; then the same
            number on one label, for each label from the same state.
        seed: Seed of the rollout and of the order of examples.

    Returns:
        The change of each region for each label, the ways around the masks, and a verdict.

    Raises:
        ConfigError: If neither or both of run and experiment are given, or there are no regions.
    """
    if (experiment is None) == (checkpoint is None):
        raise ConfigError("study leaks needs experiment=NAME or checkpoint=RUN, and not both")
    config = _config(experiment, checkpoint, split_settings(settings))
    module = build_module(config, seed=seed)
    with closing(module.collector.env):
        if checkpoint is not None:
            models.load_weights(module.model, checkpoint.model.state_dict(), checkpoint.source)
        assert module.routes is not None  # the config has regions
        movements = moved_by_label(module, module.routes, steps, seed)
        example = models.to_tensor(module.collector.obs[:4])
        leaks = routing.leaks(module.model, module.routes.router.regions, example)
    conclusion = verdict(movements, leaks, frozen=config.routing.freeze)
    tables = {"movements": _movements_table(movements, steps)}
    if leaks:
        rows = [{"kind": one.kind, "region": one.region, "what": one.message} for one in leaks]
        tables["leaks"] = DataTable("ways around the masks", rows)
    return Result(
        data={
            "verdict": conclusion,
            "clear": conclusion.startswith("CLEAR"),
            "steps": steps,
            "movements": [dataclasses.asdict(m) | {"leaked": m.leaked} for m in movements],
            "leaks": leaks,
            "config": configs.to_plain(config),
        },
        tables=tables,
        conclusion=conclusion,
    )


def _config(experiment: str | None, agent: Agent | None, settings: list[str]) -> RunConfig:
    if agent is None:
        config = config_of(configs.load(str(experiment), settings), experiment)
    else:
        config = configs.override(config_of(agent.config, agent.source), settings)
    if not config.routing.regions:
        name = experiment if agent is None else agent.source
        raise ConfigError(f"{name} has no regions; a leak is out of one (routing.regions)")
    # The gate's loss moves the gate on purpose, whatever the rules say.
    trained = {"regions": dict(agent.regions)} if agent is not None and agent.regions else {}
    return routed_losses_only(config, **trained)


def moved_by_label(module: OnPolicy, routes: Routes, steps: int, seed: int) -> list[Movement]:
    """Take steps on examples of one label at a time, each from the same state.

    Loss, clipping and optimiser are the run's. Any example may get any label here, so that no label
    has to occur in the rollout.

    Args:
        module: The run's module; its weights are changed.
        routes: Its routing.
        steps: Number of steps on all labels, and then on each label.
        seed: Seed of the order of examples.
    """
    generator = torch.Generator().manual_seed(seed)
    columns = _rollout(module, routes)
    optimizer = module.configure_optimizers()
    router = routes.router
    count = len(router.label_names)

    def step(labels: Tensor) -> None:
        rows = torch.randperm(len(columns["actions"]), generator=generator)[: len(labels)]
        batch = {name: column[rows] for name, column in columns.items()} | {"labels": labels}
        optimizer.zero_grad()
        torch.autograd.backward(module.training_step(batch, 0))
        if module.algorithm.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(module.model.parameters(), module.algorithm.max_grad_norm)
        optimizer.step()

    size = max(1, len(columns["actions"]) // module.algorithm.num_minibatches)
    for _ in range(steps):
        step(torch.randint(-1, count, (size,), generator=generator))
    untouched = routes.untouched(optimizer)
    start = copy.deepcopy((module.model.state_dict(), optimizer.state_dict()))
    found = []
    for label in (*range(count), -1):
        module.model.load_state_dict(start[0])
        optimizer.load_state_dict(copy.deepcopy(start[1]))
        before = routing.snapshot(module.model)
        for _ in range(steps):
            step(torch.full((size,), label))
        changes = routing.moved(module.model, before, router.owned())
        found += _movements(routes, label, changes, untouched)
    return found


def _rollout(module: OnPolicy, routes: Routes) -> dict[str, Tensor]:
    module.on_fit_start()  # makes the buffer
    routes.begin(0)
    routes.router.strength = 1.0
    last_values = module.collector.collect(module, module.buffer)
    module.algorithm.finish(module.buffer, last_values)
    return {name: module.buffer.flat(name).clone() for name in module.algorithm.columns}


def _movements(
    routes: Routes, label: int, changes: dict[str, dict[str, float]], untouched: Collection[str]
) -> list[Movement]:
    """Return the changes by one label; regions that never had a gradient count as untested."""
    rules = routes.router.rules
    tables = [rules.table(term)[label] for term in (None, *rules.terms)]
    found = []
    for number, region in enumerate(rules.regions):
        by_parameter = changes.get(region, {})
        if routing.UNTESTED in by_parameter or region in untouched:
            by_parameter = {}
        where = max(by_parameter, key=by_parameter.__getitem__, default=None)
        found.append(
            Movement(
                label=FREE if label < 0 else rules.label_names[label],
                region=region,
                weight=float(tables[0][number]),
                closed=all(float(weights[number]) == 0 for weights in tables),
                change=None if where is None else by_parameter[where],
                where=where,
            )
        )
    return found


def verdict(movements: list[Movement], leaks: list[routing.Leak], *, frozen: bool) -> str:
    """Return a line that says that regions are closed, or names the worst leak."""
    closed = [m for m in movements if m.closed and m.change is not None]
    leaked = [m for m in closed if m.leaked]
    if leaked:
        worst = max(leaked, key=lambda m: m.change or 0)
        why = "" if frozen else "; routing.freeze is false, so momentum goes on moving it"
        return (
            f"LEAK: {worst.where} of region {worst.region} moved by {worst.change:.1e} in steps on "
            f"{worst.label} alone, which it is closed to{why}"
        )
    fatal = [leak for leak in leaks if leak.kind in _FATAL]
    if fatal:
        return f"LEAK: {fatal[0].message}"
    untested = sorted({m.region for m in movements if m.closed and m.change is None})
    if untested:
        return (
            f"UNTESTED: region {', '.join(untested)} is closed to a label, and nothing could be "
            "seen to rest: it owns no parameters, or no gradient ever reached it"
        )
    if not closed:
        return "UNTESTED: no region is closed to any label"
    readers = len(leaks) - len(fatal)
    shared = f"; {readers} readers of regions are shared" if readers else ""
    return f"CLEAR: {len(closed)} closed pairs of label and region, each moved by exactly 0{shared}"


def _movements_table(movements: list[Movement], steps: int) -> DataTable:
    return DataTable(
        f"largest change of a region in {steps} steps on one label alone",
        [
            {
                "steps on": m.label,
                "region": m.region,
                "weight": m.weight,
                "max |Δ|": m.change,
                "state": ("LEAK" if m.leaked else "closed" if m.closed else "open")
                + (", UNTESTED" if m.change is None else ""),
            }
            for m in movements
        ],
        form={"weight": "g", "max |Δ|": ".2g"},
        key=("steps on", "region"),
    )
