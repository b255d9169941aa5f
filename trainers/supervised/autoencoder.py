"""Split representations: an autoencoder whose halves are routed by label (Cloud et al. 2024).

One Lightning epoch is one pass over the examples, and one iteration; its end is what a checkpoint
holds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import lightning as L
import torch
from torch import Tensor

from chisel import routing
from chisel.configs import AutoencoderConfig, NumericsError, RoutingConfig
from chisel.models import HalvesAutoencoder
from chisel.trainers.routed.routes import strength_at
from chisel.trainers.runs.moments import keep_layout
from chisel.trainers.supervised.data import ExampleLoader
from chisel.trainers.supervised.losses import correlation, l1_norm, reconstruction


class Labels(NamedTuple):
    """Labels of all examples, and what they are called."""

    numbers: Tensor
    """int64 `[N]`, negative for an example without one."""
    names: tuple[str, ...]


class AutoencoderTraining(L.LightningModule):
    """Trains encoder, decoder and certificates, logs, and saves everything.

    Args:
        model: the network.
        images: the examples to learn from, float32 `[N, H, W]`.
        labels: theirs.
        options: hyperparameters.
        num_iterations: planned epochs.
        minibatch_generator: CPU generator of the minibatch permutations.
        about: what identifies the run (config, spaces, versions), stored in every checkpoint.
        router: attached to the model; None trains without routes.
        routes: the router's schedule, by examples seen, and whether regions may rest.
        watch: measures the network after each epoch; its numbers are logged.
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
        router: routing.Router | None = None,
        routes: RoutingConfig | None = None,
        watch: Callable[[HalvesAutoencoder], dict[str, float]] = lambda _: {},
    ) -> None:
        super().__init__()
        self.model, self.options, self.about = model, options, about
        self.columns = {"images": images, "labels": labels.numbers}
        self.num_labels = len(labels.names)
        self.num_iterations, self.minibatch_generator = num_iterations, minibatch_generator
        self.router, self.routes, self.watch = router, routes or RoutingConfig(), watch
        self.iteration = 0
        self.frames_per_iteration = len(images)
        self.batch: dict[str, Tensor] = {}
        self._steps: list[dict[str, Tensor]] = []
        self._metrics: dict[str, float] = {}
        self._restored: dict[str, Any] | None = None

    @property
    def env_steps(self) -> int:
        """Examples seen so far, each as often as it was."""
        return self.iteration * self.frames_per_iteration

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
        self.iteration += 1
        self._started = time.perf_counter()
        self._steps, self._metrics = [], {}

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
        logged = {"loss": loss} | terms
        self._steps.append({name: value.detach() for name, value in logged.items()})
        return loss

    def on_after_backward(self) -> None:
        """The batch's labels have done their part."""
        if self.router is not None:
            self.router.clear()

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip nothing, but refuse to step when the gradient or the loss is not finite."""
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm, step = torch.nn.utils.get_total_norm(gradients), self._steps[-1]
        if not math.isfinite(norm) or not math.isfinite(step["loss"]):
            raise NumericsError(
                f"loss or gradient of iteration {self.iteration} is not finite "
                f"(loss {float(step['loss']):g}, gradient norm {float(norm):g})"
            )
        step["grad_norm"] = norm

    def metrics(self) -> dict[str, float]:
        """What the finished iteration logs: means over its minibatches (computed once)."""
        if not self._metrics:
            seconds = time.perf_counter() - self._started
            names = [name for name in self._steps[0] if name != "loss"]
            means = {n: float(torch.stack([s[n] for s in self._steps]).mean()) for n in names}
            self._metrics = {f"losses/{name}": mean for name, mean in means.items()}
            self._metrics |= self.watch(self.model)
            self._metrics |= {
                "charts/SPS": self.frames_per_iteration / seconds,
                "charts/minibatches": float(len(self._steps)),
                "time/update_s": seconds,
            }
        return self._metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add everything that Lightning doesn't know of."""
        checkpoint["chisel"] = self.about | {
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "routing": None if self.router is None else self.router.to_plain(),
            "ranks": [{"minibatches": self.minibatch_generator.get_state()}],
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what is restored once Lightning has set everything up."""
        self._restored = checkpoint["chisel"]

    def on_train_start(self) -> None:
        """Restore the generator last: setting up a fit may draw from it."""
        if self._restored is not None:
            self.restore(self._restored, 0)
        self._restored = None

    def restore(self, state: dict[str, Any], rank: int) -> None:
        """Go on from our part of a checkpoint; there is one process, number 0."""
        self.iteration = state["iteration"]
        self.minibatch_generator.set_state(state["ranks"][rank]["minibatches"].cpu())
