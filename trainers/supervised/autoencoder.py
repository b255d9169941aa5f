"""Split representations: an autoencoder whose halves are routed by label (Cloud et al. 2024).

One pass over the examples is one iteration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chisel import routing
from chisel.configs import AutoencoderConfig, RoutingConfig
from chisel.models import HalvesAutoencoder
from chisel.trainers.routed.routes import strength_at
from chisel.trainers.runs.iterations import IterationModule
from chisel.trainers.runs.optimizer_state import keep_layout

_EPS = 1e-12
"""Keeps the gradient of a unit that is always 0 at 0; far below any variance that matters."""


class Labels(NamedTuple):
    """Labels of all examples."""

    numbers: Tensor
    """int64 `[N]`; negative for an example without a label."""
    names: tuple[str, ...]
    """Names of the labels 0, 1, …"""


class ExampleLoader:
    """Shuffled minibatches of all examples; each pass is one epoch.

    It has a length, and draws from its own generator, which is saved. The last minibatch of an
    epoch takes what is left, so that every example is seen once.

    Args:
        columns: Tensors `[N, …]` of which a minibatch holds the same rows.
        batch_size: Rows of a minibatch, at most N.
        generator: CPU generator of the permutations.
    """

    def __init__(
        self, columns: Mapping[str, Tensor], *, batch_size: int, generator: torch.Generator
    ) -> None:
        self.columns, self.batch_size, self.generator = dict(columns), batch_size, generator
        self.num_examples = len(next(iter(self.columns.values())))

    def __len__(self) -> int:
        return -(-self.num_examples // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = torch.randperm(self.num_examples, generator=self.generator)
        for start in range(0, self.num_examples, self.batch_size):
            rows = order[start : start + self.batch_size]
            yield {name: column[rows.to(column.device)] for name, column in self.columns.items()}


class AutoencoderTraining(IterationModule):
    """Trains encoder, decoder and certificates.

    Args:
        model: The network.
        images: Examples to learn from, float32 `[N, H, W]`.
        labels: Their labels.
        options: Hyperparameters.
        num_iterations: Planned passes over the examples.
        minibatch_generator: CPU generator of the minibatch permutations.
        about: What identifies the run (config, spaces, versions); stored in every checkpoint.
        router: Attached to the model; `None` trains without routing.
        routes: The router's schedule, in examples seen, and whether regions without gradient rest.
        evaluate: Measures the network after each iteration; its numbers are logged.
    """

    def __init__(
        self,
        model: HalvesAutoencoder,
        images: Tensor,
        labels: Labels,
        options: AutoencoderConfig,
        *,
        num_iterations: int,
        minibatch_generator: torch.Generator,
        about: dict[str, Any],
        router: routing.Router | None,
        routes: RoutingConfig,
        evaluate: Callable[[HalvesAutoencoder], dict[str, float]],
    ) -> None:
        super().__init__(
            num_iterations=num_iterations,
            frames_per_iteration=len(images),
            minibatch_generator=minibatch_generator,
            about=about,
        )
        self.model, self.options = model, options
        self.columns = {"images": images, "labels": labels.numbers}
        self.num_labels = len(labels.names)
        self.router, self.routes, self.evaluate = router, routes, evaluate

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with the decay added to the gradient, as the paper has it."""
        rate, decay = self.options.learning_rate, self.options.weight_decay
        owned = self.router.owned() if self.router is not None and self.routes.freeze else {}
        if owned:
            named = self.model.named_parameters()
            return keep_layout(routing.RoutedAdam(named, lr=rate, weight_decay=decay, owned=owned))
        parameters = self.model.parameters()
        return keep_layout(torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True))

    def train_dataloader(self) -> ExampleLoader:
        """Minibatches, on the device that Lightning chose."""
        return ExampleLoader(
            {name: column.to(self.device) for name, column in self.columns.items()},
            batch_size=self.options.batch_size,
            generator=self.minibatch_generator,
        )

    def on_train_epoch_start(self) -> None:
        """Start an iteration."""
        if self.router is not None:
            self.router.strength = strength_at(self.routes, self.env_steps)
        super().on_train_epoch_start()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """The loss of one minibatch.

        Penalties see the encoding as the encoder gives it, so routes do not touch their gradient.
        """
        self.batch = batch
        images, labels = batch["images"], batch["labels"].clamp(min=-1)
        if self.router is not None:
            self.router.use(labels)
        made = self.model(images)
        encoding = made.encoding.float()
        terms = {
            "reconstruction": reconstruction(made.decoded, images, labels, self.num_labels),
            "certificates": sum(
                (certified.float() - images).abs().mean() for certified in (made.first, made.second)
            ),
            "encoding_l1": l1_norm(encoding),
            "correlation": correlation(encoding),
        }
        loss: Tensor = (
            terms["reconstruction"]
            + terms["certificates"]
            + self.options.l1_coef * terms["encoding_l1"]
            + self.options.corr_coef * terms["correlation"]
        )
        self.record(loss, terms)
        return loss

    def on_after_backward(self) -> None:
        """The batch's labels have done their part."""
        if self.router is not None:
            self.router.clear()

    def compute_metrics(self) -> dict[str, float]:
        """Compute what the finished iteration logs: means over its minibatches."""
        seconds = time.perf_counter() - self._started
        names = [name for name in self._steps[0] if name != "loss"]
        means = {n: float(torch.stack([s[n] for s in self._steps]).mean()) for n in names}
        return (
            {f"losses/{name}": mean for name, mean in means.items()}
            | self.evaluate(self.model)
            | {
                "charts/SPS": self.frames_per_iteration / seconds,
                "charts/minibatches": float(len(self._steps)),
                "time/update_s": seconds,
            }
        )

    def get_state(self) -> dict[str, Any]:
        """Return the router's regions and rules, and the state of the one process's generator."""
        return {
            "routing": None if self.router is None else self.router.to_plain(),
            "ranks": [{"minibatches": self.minibatch_generator.get_state()}],
        }


def reconstruction(made: Tensor, images: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """Sum over the labels of the mean absolute error on the examples of each.

    So a rare label weighs as much as a frequent one. A label without an example adds 0; those
    without a label are one more group.

    Args:
        made: Reconstructions `[B, H, W]`.
        images: What they should be.
        labels: int64 `[B]`, -1 for unlabelled.
        num_labels: How many there are.
    """
    errors = (made.float() - images).abs().mean(dim=(1, 2))
    members = (labels[:, None] == torch.arange(-1, num_labels, device=labels.device)).float()
    return (errors @ members / members.sum(0).clamp(min=1)).sum()


def l1_norm(encoding: Tensor) -> Tensor:
    """Mean over examples of the L1 norm of the encoding `[B, D]`."""
    return encoding.abs().sum(1).mean()


def correlation(encoding: Tensor) -> Tensor:
    """Mean absolute correlation over the batch between units of the two halves of `[B, D]`."""
    centred = encoding - encoding.mean(0)
    normed = centred / (centred.square().mean(0) + _EPS).sqrt()
    first, second = normed.chunk(2, dim=1)
    return (first.T @ second / len(encoding)).abs().mean()
