"""The builder that trains a split autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from chisel import models, routing
from chisel.analysis.evaluation import split_ratios
from chisel.configs import ConfigError, RunConfig
from chisel.corpora import Examples, load_data
from chisel.models import HalvesAutoencoder, Spaces
from chisel.trainers.routed.labels import UNKNOWN, EpisodeLabeler
from chisel.trainers.routed.routes import ordered_rules
from chisel.trainers.runs import seeding
from chisel.trainers.supervised.autoencoder import AutoencoderTraining, Labels


def build_split(config: RunConfig, *, about: dict[str, Any], fresh: bool) -> AutoencoderTraining:
    """Build the trainer of `algo.name: autoencoder`.

    Args:
        config: Config of a run on a data set.
        about: What identifies the run; `routing` holds the regions of the checkpoint to go on from.
        fresh: Whether the run starts, with the weights of `init_from` if there is one.

    Raises:
        ConfigError: The data set is missing or too small, or routes don't fit the network.
        CheckpointError: `init_from` doesn't fit.
    """
    data = load_data(config.corpus)
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
    height, width = data.train.images.shape[1:]
    spaces = Spaces((height, width, 1), "float32", obs_high=1.0, num_actions=0)
    model = models.build(
        config.model, spaces, HalvesAutoencoder, seed=seeding.derive(config, "init")
    )
    if fresh and config.init_from is not None:
        trained = models.load(config.init_from)
        models.load_weights(model, trained.model.state_dict(), config.init_from)
    labels = _labels(config, data.train.digits)
    return AutoencoderTraining(
        model,
        torch.from_numpy(data.train.images),
        labels,
        config.algo,
        num_iterations=num_iterations,
        minibatch_generator=seeding.generator(config, "minibatches"),
        about=about | {"spaces": spaces.to_plain()},
        router=_router(config, model, labels.names, about.get("routing")),
        routes=config.routing,
        evaluate=lambda model: _split_metrics(model, data.validation),
    )


def _labels(config: RunConfig, digits: np.ndarray[Any, Any]) -> Labels:
    """Return labels of all examples, made imperfect once for the whole run.

    Without a source there are none.
    """
    options, count = config.routing.labels, len(digits)
    if options.source is None:
        return Labels(torch.full((count,), UNKNOWN), ())
    generator = np.random.default_rng(seeding.derive(config, "labels"))
    labeler = EpisodeLabeler(options, num_envs=count, generator=generator)
    labeler.note(0, {"episode": {"digit": digits}, "_episode": np.ones(count, bool)})
    return Labels(labeler.column(1, count)[0], labeler.names)


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
    try:
        asked = asdict(options) | {"rules": ordered_rules(options.rules, names)}
        example = torch.zeros(2, *model.image_shape)
        return routing.attach(model, {**asked, **(resolved or {})}, example=example)
    except routing.RoutingError as error:
        raise ConfigError(f"routing: {error}") from error


def _split_metrics(model: HalvesAutoencoder, examples: Examples) -> dict[str, float]:
    """Return for each half the ratio of errors on the other digits and on its own."""
    if not len(examples):
        return {}
    return {f"split/{half}": ratio for half, ratio in split_ratios(model, examples).items()}
