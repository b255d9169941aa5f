"""Build the training of an autoencoder with two halves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from chisel import models, routing
from chisel.analysis.evaluation import split_ratios
from chisel.configs import ConfigError, RunConfig
from chisel.corpora import DataSet, Examples
from chisel.models import HalvesAutoencoder
from chisel.trainers.routed.routes import attach
from chisel.trainers.runs import seeding
from chisel.trainers.supervised.autoencoder import AutoencoderTraining
from chisel.trainers.supervised.labels import example_labels


def build_halves(
    config: RunConfig,
    data: DataSet,
    model: nn.Module,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> AutoencoderTraining:
    """Build the trainer of `algo.name: autoencoder`.

    Args:
        config: The run's config.
        data: The corpus.
        model: The network.
        rank: Number of this process, which is 0.
        device: Device that it trains on; Lightning moves the network there.
        about: Facts that identify the run, for checkpoints; `routing` has the regions of the
            checkpoint that a resumed run goes on from.

    Raises:
        ConfigError: If the corpus is too small, or network, labels or regions don't fit.
    """
    model = models.require_kind(model, HalvesAutoencoder, config.model.name)
    num_iterations = config.frames // len(data.train)
    if not num_iterations:
        raise ConfigError(
            f"frames = {config.frames}: less than one epoch of {len(data.train)} examples; set "
            f"frames={len(data.train)} or more"
        )
    if config.algo.batch_size > len(data.train):
        raise ConfigError(
            f"algo.batch_size = {config.algo.batch_size}: there are {len(data.train)} examples"
        )
    digits = data.train.digits
    labels, names = example_labels(
        config.routing.labels,
        {"digit": digits},
        len(digits),
        np.random.default_rng(seeding.derive(config, "labels")),
    )
    return AutoencoderTraining(
        model,
        torch.from_numpy(data.train.images),
        torch.from_numpy(labels),
        len(names),
        config.algo,
        num_iterations=num_iterations,
        minibatch_generator=seeding.generator(config, "minibatches"),
        about=about,
        router=_router(config, model, names, about.get("routing")),
        routes=config.routing,
        evaluate=lambda model: _split_metrics(model, data.validation),
    )


def _router(
    config: RunConfig,
    model: HalvesAutoencoder,
    names: tuple[str, ...],
    resolved: Mapping[str, Any] | None,
) -> routing.Router | None:
    options = config.routing
    if not options.regions:
        return None
    if not names:
        raise ConfigError("routing.regions needs labels; set routing.labels.source=digit-half")
    return attach(model, options, names, resolved, example=torch.zeros(2, *model.image_shape))


def _split_metrics(model: HalvesAutoencoder, examples: Examples) -> dict[str, float]:
    """Return, for each half, its error on the other digits divided by that on its own."""
    if not len(examples):
        return {}
    return {f"split/{half}": ratio for half, ratio in split_ratios(model, examples).items()}
