"""Train an autoencoder whose halves are routed by label (Cloud et al. 2024, section 4.1).

An iteration is one pass over the examples.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chisel import routing
from chisel.configs import AutoencoderConfig, RoutingConfig
from chisel.models import HalvesAutoencoder
from chisel.trainers.routed.routes import strength_at
from chisel.trainers.runs.iterations import IterationModule, MinibatchLoader
from chisel.trainers.runs.optimizer_state import make_adam

_EPS = 1e-12
"""Number added to variances, so that the gradient of a constant unit is 0."""


class AutoencoderTraining(IterationModule):
    """Trains encoder, decoder and certificates.

    Args:
        model: The network.
        images: Examples to learn from, float32 `[N, H, W]`.
        labels: Labels of the examples, int64 `[N]`; negative for an example without one.
        num_labels: Number of different labels.
        options: Hyperparameters.
        num_iterations: Planned passes over the examples.
        minibatch_generator: CPU generator of the minibatch permutations.
        about: Facts that identify the run (config, spaces, versions), stored in every checkpoint.
        router: Router that is attached to the model; `None` trains without routing.
        routes: Options of routing: its schedule, in examples seen, and `freeze`.
        evaluate: Function that measures the network after each iteration, for the log.
    """

    def __init__(
        self,
        model: HalvesAutoencoder,
        images: Tensor,
        labels: Tensor,
        num_labels: int,
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
        self.model, self.options, self.num_labels = model, options, num_labels
        self.columns = {"images": images, "labels": labels}
        self.router, self.routes, self.evaluate = router, routes, evaluate

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make Adam with weight decay added to the gradient, as in the paper."""
        owned = self.router.owned() if self.router is not None and self.routes.freeze else None
        rate, decay = self.options.learning_rate, self.options.weight_decay
        return make_adam(self.model, owned or None, lr=rate, weight_decay=decay)

    def train_dataloader(self) -> MinibatchLoader:
        """Make the loader of minibatches, on the device that Lightning chose."""
        columns = {name: column.to(self.device) for name, column in self.columns.items()}
        return MinibatchLoader(
            lambda: columns,
            num_examples=self.frames_per_iteration,
            batch_size=self.options.batch_size,
            generator=self.minibatch_generator,
        )

    def on_train_epoch_start(self) -> None:
        """Start an iteration: set the strength of routing."""
        if self.router is not None:
            self.router.strength = strength_at(self.routes, self.env_steps)
        super().on_train_epoch_start()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Compute the loss of one minibatch.

        Penalties use the encoding before the masks, so their gradient is not routed.
        """
        self.batch = batch
        images, labels = batch["images"], batch["labels"].clamp(min=-1)
        if self.router is not None:
            self.router.use(labels)
        output = self.model(images)
        encoding = output.encoding.float()
        terms = {
            "reconstruction": reconstruction(output.decoded, images, labels, self.num_labels),
            "certificates": sum(
                (certified.float() - images).abs().mean()
                for certified in (output.first, output.second)
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
        """Forget the batch's labels."""
        if self.router is not None:
            self.router.clear()

    def compute_metrics(self) -> dict[str, float]:
        """Compute the metrics of the finished iteration, as means over its minibatches."""
        seconds = time.perf_counter() - self._started
        means = {
            f"losses/{name}": float(torch.stack([step[name] for step in self._steps]).mean())
            for name in self._steps[0]
            if name != "loss"
        }
        return (
            means
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


def reconstruction(decoded: Tensor, images: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """Sum the mean absolute errors on the examples of each label.

    So a rare label counts as much as a frequent one. A label without examples adds 0. Examples
    without a label form another group.

    Args:
        decoded: Reconstructions `[B, H, W]`.
        images: The images `[B, H, W]` that were encoded.
        labels: Labels, int64 `[B]`; -1 for unlabelled.
        num_labels: Number of labels.
    """
    errors = (decoded.float() - images).abs().mean(dim=(1, 2))
    members = (labels[:, None] == torch.arange(-1, num_labels, device=labels.device)).float()
    return (errors @ members / members.sum(0).clamp(min=1)).sum()


def l1_norm(encoding: Tensor) -> Tensor:
    """Return the mean L1 norm of encodings `[B, D]`."""
    return encoding.abs().sum(1).mean()


def correlation(encoding: Tensor) -> Tensor:
    """Return the mean absolute correlation, over a batch `[B, D]`, of units in different halves."""
    centred = encoding - encoding.mean(0)
    normed = centred / (centred.square().mean(0) + _EPS).sqrt()
    first, second = normed.chunk(2, dim=1)
    return (first.T @ second / len(encoding)).abs().mean()
