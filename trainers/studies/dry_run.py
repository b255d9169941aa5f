"""Compute gradients of a run's own losses on rollouts, without training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from chisel import models
from chisel.analysis.ablation import regions_of
from chisel.analysis.localization import Condition
from chisel.configs import (
    CheckpointError,
    ConfigError,
    LabelsConfig,
    MazeConfig,
    RunConfig,
    TrainerConfig,
)
from chisel.models import Agent
from chisel.trainers.onpolicy.module import OnPolicy
from chisel.trainers.routed.labels import UNKNOWN, Facts
from chisel.trainers.routed.routes import Routes
from chisel.trainers.runs import assembly
from chisel.trainers.studies.runs import config_of

CONDITIONS: tuple[Condition, ...] = get_args(Condition)

LEVELS = 1000
"""Largest number of mazes in which rollouts are played."""


@dataclasses.dataclass(frozen=True)
class Batch:
    """The same examples under each condition."""

    columns: Mapping[Condition, dict[str, Tensor]]
    """Columns `[B, ...]` of a minibatch, by condition."""
    kinds: Tensor
    """True labels, int64 `[B]`; negative if the episode has none, or did not end in its rollout."""


class DryRun:
    """Collects rollouts as training does, and computes the gradients that training would have.

    Args:
        module: A module that was just built, on the CPU, with perfect labels and without the extra
            losses (gate, L1), which are not routed.

    Raises:
        ConfigError: If the run has no routing.
    """

    def __init__(self, module: OnPolicy) -> None:
        if module.routes is None:
            raise ConfigError("a dry run needs a run with routing.regions")
        self.module, self.routes = module, module.routes
        self.env_steps = 0
        self._start = module.collector.get_state()
        self._untrained = {k: v.clone() for k, v in module.model.state_dict().items()}
        self._fresh = self._algorithm = module.algorithm.get_state()
        module.on_fit_start()  # makes the buffer

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.routes.labels.names

    def load(self, file: Path | None) -> None:
        """Load weights and statistics from a checkpoint of the run; `None` loads initial ones.

        Raises:
            CheckpointError: If the checkpoint is damaged, or of another kind.
        """
        if file is None:
            self.module.model.load_state_dict(self._untrained)
            self._algorithm, self.env_steps = self._fresh, 0
            return
        weights = models.load_agent(file).model.state_dict()
        try:
            about = models.read_checkpoint(file)["chisel"]
            self._algorithm, self.env_steps = about["algorithm"], int(about["env_steps"])
        except KeyError as error:
            raise CheckpointError(f"{file} is no checkpoint of an agent: no {error}") from error
        models.load_weights(self.module.model, weights, file)

    def batches(self, frames: int, size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Collect rollouts, always from the same state of the environment, and split them.

        Args:
            frames: Environment steps, rounded to whole rollouts, of which there is at least one.
            size: Approximate number of examples per batch.
            generator: Generator of the order of a rollout's examples.
        """
        self.module.collector.set_state(self._start)
        self.module.algorithm.set_state(self._algorithm)
        for _ in range(max(1, round(frames / self.module.frames_per_iteration))):
            columns, kinds = self._rollout()
            order = torch.randperm(len(kinds), generator=generator)
            for rows in order.chunk(max(1, len(order) // size)):
                taken = {
                    condition: {name: column[rows] for name, column in of.items()}
                    for condition, of in columns.items()
                }
                yield Batch(taken, kinds[rows])

    def _rollout(self) -> tuple[dict[Condition, dict[str, Tensor]], Tensor]:
        """Collect a rollout; return its flat columns under each condition, and the true labels."""
        module, buffer = self.module, self.module.buffer
        self.routes.begin(self.env_steps)
        last_values = module.collector.collect(module, buffer)
        raw = {name: column.clone() for name, column in buffer.columns.items()}
        state = module.algorithm.get_state()
        with torch.inference_mode():
            self.routes.finish(buffer.columns, module)  # may recompute values
        kinds = buffer.flat("labels").clone()
        module.algorithm.finish(buffer, last_values)
        known = self._columns()
        for name, column in raw.items():
            buffer.columns[name] = column
        buffer.columns["labels"] = torch.full_like(raw["actions"], UNKNOWN)
        module.algorithm.set_state(state)
        module.algorithm.finish(buffer, last_values)
        unknown = self._columns()
        return {"without routes": unknown, "labelled": known, "unlabelled": unknown}, kinds

    def _columns(self) -> dict[str, Tensor]:
        names = (*self.module.algorithm.columns, "labels")
        return {name: self.module.buffer.flat(name).clone() for name in names}

    def gradients(
        self, batch: Batch, condition: Condition, kind: int
    ) -> dict[str, Tensor | None] | None:
        """Compute the gradient of the mean loss over a batch's examples of one true label.

        Normalisations over a minibatch are over the whole batch, as in training.

        Args:
            batch: The batch.
            condition: Condition under which the loss is computed.
            kind: Number of the true label.

        Returns:
            Gradients by parameter; `None` if the batch has no such example.
        """
        chosen = batch.kinds == kind
        if not chosen.any():
            return None
        weights = chosen.float() * (len(chosen) / chosen.sum())
        columns = batch.columns[condition] | {"weights": weights}
        self.module.routes = None if condition == "without routes" else self.routes
        try:
            loss = self.module.training_step(columns, 0)
            parameters = dict(self.module.model.named_parameters())
            found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        finally:
            self.module.routes = self.routes
            self.routes.router.clear()
        return dict(zip(parameters, found, strict=True))

    def close(self) -> None:
        """Free the environment."""
        self.module.collector.env.close()


def make_dry_run(agent: Agent, *, seed: int) -> DryRun:
    """Make the dry run of an agent's run, in levels that training has not seen if there are any.

    Args:
        agent: The agent.
        seed: Seed of environments and actions.

    Raises:
        ConfigError: If the agent has no regions, or did not learn in an environment.
    """
    config = config_of(agent.config, agent.source)
    labels = LabelsConfig(source=config.routing.labels.source)
    regions = regions_of(agent).to_plain()
    config = routed_losses_only(config, regions=regions, labels=labels, l1=0.0)
    module = build_module(config, seed=seed)
    assert module.routes is not None  # the config has regions
    label_as_overseen(module.routes)
    return DryRun(module)


def build_module(config: RunConfig, *, seed: int) -> OnPolicy:
    """Build a run's module on the CPU, with its environment and initial weights.

    Args:
        config: The run's config.
        seed: Seed of everything but the initial weights, which have the run's seed.
    """
    untrained = dataclasses.replace(
        config,
        seed=seed,
        env_seed=None,
        init_seed=config.seed if config.init_seed is None else config.init_seed,
        init_from=None,
        trainer=TrainerConfig(channels_last=config.trainer.channels_last),
    )
    module: OnPolicy = assembly.build_module(untrained, 0, torch.device("cpu"), None, print)
    return module


def routed_losses_only(config: RunConfig, **changes: Any) -> RunConfig:
    """Return a config without the losses of gate and acting alone, dropped regions and filtering.

    It plays at most `LEVELS` mazes, which training did not use if there are such.

    Args:
        config: A run's config.
        changes: Other options of its routing to replace.
    """
    routing = dataclasses.replace(
        config.routing,
        gate_coef=0.0,
        alone_coef=0.0,
        drop={},
        dropped_steps="train",
        drop_start=0,
        unlabelled_steps="train",
        **changes,
    )
    return dataclasses.replace(config, routing=routing, env=_unseen(config.env))


def _unseen(env: Any) -> Any:
    if not isinstance(env, MazeConfig) or not env.levels.set_size:
        return env
    split = "validation" if env.levels.split == "train" else env.levels.split
    levels = dataclasses.replace(env.levels, set_size=min(env.levels.set_size, LEVELS), split=split)
    return dataclasses.replace(env, levels=levels)


def label_as_overseen(routes: Routes) -> None:
    """Make the labeler label all episodes as if they had been overseen."""
    label = routes.labels.label

    def read(facts: Facts) -> np.ndarray[Any, np.dtype[np.int64]]:
        seen = {"overseen": np.ones_like(facts["overseen"])} if "overseen" in facts else {}
        return label.read(facts | seen)

    routes.labels.label = dataclasses.replace(label, read=read)
