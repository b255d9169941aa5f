"""Train a language model to predict next tokens, routed by sequence or by token."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chisel import routing
from chisel.analysis.evaluation import story_metrics
from chisel.configs import ConfigError, LanguageConfig, RoutingConfig, RunConfig, hint
from chisel.corpora import TokenData
from chisel.trainers.routed.routes import attach, require_reachable, strength_at
from chisel.trainers.runs import seeding
from chisel.trainers.runs.iterations import IterationModule, MinibatchLoader
from chisel.trainers.runs.optimizer_state import make_adam
from chisel.trainers.supervised.labels import example_labels, token_labels


@dataclass(frozen=True)
class LanguageRoutes:
    """The router of a language model, with options and dropped regions of a run."""

    router: routing.Router
    options: RoutingConfig
    dropout: routing.RegionDropout
    sites: tuple[nn.Module, ...]
    """Modules whose outputs have routed units, for the L1 penalty."""
    droppers: Mapping[str, tuple[int, float]]
    """For each region that is dropped: the label whose sequences always keep it, and the share of
    the other labelled sequences that run without it."""


class LanguageTraining(IterationModule):
    """Trains on next tokens. An iteration takes the next `iteration_size` sequences of the corpus.

    Args:
        model: Network from tokens `[B, T]` to logits `[B, T, V]`.
        columns: `tokens` `[N, T]`, `lengths` `[N]`, `labels` from `token_labels`, and `stories`,
            the label of each sequence, `[N]`.
        options: Hyperparameters.
        num_iterations: Planned iterations.
        minibatch_generator: CPU generator of minibatch permutations and dropped regions.
        about: Facts that identify the run (config, spaces, versions), stored in every checkpoint.
        routes: Routing; None trains without.
        evaluate: Function that measures the network after each iteration, for the log.
    """

    def __init__(
        self,
        model: nn.Module,
        columns: dict[str, Tensor],
        options: LanguageConfig,
        *,
        num_iterations: int,
        minibatch_generator: torch.Generator,
        about: dict[str, Any],
        routes: LanguageRoutes | None,
        evaluate: Callable[[nn.Module], dict[str, float]],
    ) -> None:
        super().__init__(
            num_iterations=num_iterations,
            frames_per_iteration=options.iteration_size,
            minibatch_generator=minibatch_generator,
            about=about,
        )
        self.model, self.columns, self.options = model, columns, options
        self.routes, self.evaluate = routes, evaluate
        self.max_grad_norm = options.max_grad_norm
        self._kept: list[Tensor] = []
        if routes is not None and routes.options.l1:
            for site in routes.sites:
                site.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        if torch.is_grad_enabled():
            self._kept.append(output)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make AdamW; if regions are frozen, it leaves those without gradient unchanged."""
        freeze = self.routes is not None and self.routes.options.freeze
        owned = self.routes.router.owned() if self.routes is not None and freeze else None
        return make_adam(
            self.model,
            owned or None,
            lr=self.options.learning_rate,
            betas=(0.9, self.options.beta2),
            weight_decay=self.options.weight_decay,
            decoupled_weight_decay=True,
        )

    def train_dataloader(self) -> MinibatchLoader:
        """Make the loader of minibatches of this iteration's sequences."""
        return MinibatchLoader(
            self._present,
            num_examples=self.options.iteration_size,
            batch_size=self.options.batch_size,
            generator=self.minibatch_generator,
        )

    def _present(self) -> dict[str, Tensor]:
        size, count = self.options.iteration_size, len(self.columns["tokens"])
        rows = torch.arange((self.iteration - 1) * size, self.iteration * size) % count
        return {name: column[rows].to(self.device) for name, column in self.columns.items()}

    def on_train_epoch_start(self) -> None:
        """Start an iteration: set the strength of routing."""
        if self.routes is not None:
            self.routes.router.strength = strength_at(self.routes.options, self.env_steps)
        super().on_train_epoch_start()

    def rate_at(self, batch_idx: int) -> float:
        """Return the learning rate of a minibatch of this iteration."""
        options, steps = self.options, -(-self.options.iteration_size // self.options.batch_size)
        step = (self.iteration - 1) * steps + batch_idx + 1
        rise = min(1.0, step / max(options.warmup, 1))
        done = max(0, step - options.warmup) / max(1, self.num_iterations * steps - options.warmup)
        fall = options.final_rate + (1 - options.final_rate) * (1 + math.cos(math.pi * done)) / 2
        return options.learning_rate * rise * fall

    def on_train_batch_start(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Set the learning rate."""
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.rate_at(batch_idx)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Compute the mean loss of the minibatch's tokens, in nats."""
        self.batch, self._kept = batch, []
        longest = int(batch["lengths"].max())
        tokens = batch["tokens"][:, :longest]
        if self.routes is not None:
            self._route(batch, longest - 1)
        logits = self.model(tokens[:, :-1]).float()
        if self.routes is not None:
            self.routes.dropout.clear()
        predicted = torch.arange(1, longest, device=tokens.device) < batch["lengths"][:, None]
        terms = {"next_token": F.cross_entropy(logits[predicted], tokens[:, 1:][predicted])}
        loss = terms["next_token"]
        if self._kept and self.routes is not None:
            terms["l1"] = torch.stack([one.float().abs().mean() for one in self._kept]).mean()
            loss = loss + self.routes.options.l1 * terms["l1"]
        self.record(loss, terms)
        return loss

    def _route(self, batch: dict[str, Tensor], length: int) -> None:
        assert self.routes is not None
        labels = batch["labels"]
        self.routes.router.use(labels[:, :length] if labels.dim() > 1 else labels)
        stories = batch["stories"]
        draws = torch.rand(len(stories), generator=self.minibatch_generator).to(stories.device)
        self.routes.dropout.use(
            {
                region: (stories >= 0) & (stories != label) & (draws < share)
                for region, (label, share) in self.routes.droppers.items()
            }
        )

    def on_after_backward(self) -> None:
        """Forget the batch's labels."""
        if self.routes is not None:
            self.routes.router.clear()

    def compute_metrics(self) -> dict[str, float]:
        """Compute the metrics of the finished iteration: means over minibatches and evaluations."""
        seconds = time.perf_counter() - self._started
        names = [name for name in self._steps[0] if name != "loss"]
        means = {
            f"losses/{name}": float(torch.stack([step[name] for step in self._steps]).mean())
            for name in names
        }
        measured = {f"eval/{name}": value for name, value in self.evaluate(self.model).items()}
        return (
            means
            | measured
            | {
                "charts/SPS": self.frames_per_iteration / seconds,
                "charts/learning_rate": self.rate_at(len(self._steps) - 1),
                "charts/minibatches": float(len(self._steps)),
                "time/update_s": seconds,
            }
        )

    def get_state(self) -> dict[str, Any]:
        """Return the router's regions and rules, and the state of the one process's generator."""
        return {
            "routing": None if self.routes is None else self.routes.router.to_plain(),
            "ranks": [{"minibatches": self.minibatch_generator.get_state()}],
        }


def build_language(
    config: RunConfig,
    data: TokenData,
    model: nn.Module,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> LanguageTraining:
    """Build the trainer of `algo.name: language`.

    Args:
        config: The run's config.
        data: The corpus.
        model: The network.
        rank: Number of this process, which is 0.
        device: Device that it trains on; Lightning moves the network there.
        about: Facts that identify the run, for checkpoints; `routing` has the regions of the
            checkpoint that a resumed run goes on from.

    Raises:
        ConfigError: If labels, words or regions don't fit.
    """
    options = config.algo
    draws = np.random.default_rng(seeding.derive(config, "labels"))
    labels, names = example_labels(config.routing.labels, data.train.facts, len(data.train), draws)
    routes = _routes(config, model, names, data, about.get("routing"))
    columns = {
        "tokens": torch.from_numpy(data.train.tokens),
        "lengths": torch.from_numpy(data.train.lengths),
        "labels": token_labels(
            labels,
            data.train,
            options.label_tokens,
            len(names),
            [_number(word, data.words, "label_words") for word in options.label_words],
        ),
        "stories": torch.from_numpy(labels),
    }
    if options.leave_out is not None:
        kept = torch.from_numpy(labels != _number(options.leave_out, names, "leave_out"))
        columns = {name: column[kept] for name, column in columns.items()}
    return LanguageTraining(
        model,
        columns,
        options,
        num_iterations=config.frames // options.iteration_size,
        minibatch_generator=seeding.generator(config, "minibatches"),
        about=about,
        routes=routes,
        evaluate=lambda model: story_metrics(model, config.corpus, data.validation),
    )


def _routes(
    config: RunConfig,
    model: nn.Module,
    names: tuple[str, ...],
    data: TokenData,
    resolved: Mapping[str, Any] | None,
) -> LanguageRoutes | None:
    options = config.routing
    if not options.regions:
        return None
    if not names:
        raise ConfigError("routing.regions needs labels; set routing.labels.source=story-topic")
    example = torch.from_numpy(data.train.tokens[:2, :-1])
    router = attach(model, options, names, resolved, example=example)
    require_reachable(options, names)
    droppers = {}
    for region, share in options.drop.items():
        if region not in names:
            raise ConfigError(
                f"routing.drop.{region}: sequences with other labels run without it, so a label "
                f"must have the region's name; {hint(region, names)}"
            )
        droppers[region] = (names.index(region), share)
    dropout = routing.RegionDropout(model, {name: router.regions[name] for name in options.drop})
    outputs = [part.module for part in router.regions.sites() if part.at == "output"]
    if options.l1 and not outputs:
        raise ConfigError("routing.l1: no region is at a module's output; leave it out")
    sites = tuple(model.get_submodule(name) for name in dict.fromkeys(outputs))
    return LanguageRoutes(router, options, dropout, sites, droppers)


def _number(name: str, names: tuple[str, ...], option: str) -> int:
    if name not in names:
        raise ConfigError(f"algo.{option} = {name}: {hint(name, names)}")
    return names.index(name)
