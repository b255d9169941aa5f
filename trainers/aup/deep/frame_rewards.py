"""Auxiliary rewards that are learnt from views of the world under random actions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from chisel.configs import DeepAuxiliaryConfig, NumericsError
from chisel.models import FrameVae
from chisel.trainers.runs.optimizer_state import descend, keep_layout

LEAST_DEVIATION = 1e-6
"""Least divisor of rewards; a reward with a smaller standard deviation is constant."""
_CHUNK = 1024


class FrameRewards:
    """K rewards `weightsᵀ z` of views of the whole world, where z is the encoding of a view.

    Call `learn` with views under random actions until `ready`. The first calls collect views; then
    each call is an epoch of the encoder. The encoding is the mean that the encoder returns, or,
    without an encoder, the view itself with pixels in [0, 1].

    Rewards are scaled to mean 0 and standard deviation 1 over the collected views, so that the
    penalty's weight means the same for every encoder. With `faithful` they are not scaled, and the
    encoding is sampled anew in each call.

    Args:
        encoder: Encoder of views; `None` uses the views themselves.
        weights: Weights of the Z numbers of an encoding (or pixels of a view), `[Z, K]`.
        shape: Height and width of a view.
        options: Hyperparameters.
        faithful: Whether to do as the released code does.
        generator: CPU generator of batches and noise.
        device: Device of the encoder.
    """

    def __init__(
        self,
        encoder: FrameVae | None,
        weights: Tensor,
        *,
        shape: tuple[int, int],
        options: DeepAuxiliaryConfig,
        faithful: bool,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.encoder = None if encoder is None else encoder.to(device)
        self.optimizer: torch.optim.Optimizer | None = None
        if self.encoder is not None:
            rate = options.encoder_learning_rate
            adam = torch.optim.Adam(self.encoder.parameters(), lr=rate, fused=True)
            self.optimizer = keep_layout(adam)
        self.weights, self.options, self.faithful = weights.to(device), options, faithful
        self.generator, self.device = generator, device
        self.shift = torch.zeros(weights.shape[1], device=device)
        self.divisor = torch.ones_like(self.shift)
        self._views = torch.zeros(options.frames, *shape, dtype=torch.uint8)
        self._collected, self._epochs = 0, 0

    @property
    def epochs(self) -> int:
        """Number of epochs of the encoder; each is one call of `learn`."""
        return 0 if self.encoder is None else self.options.epochs

    @property
    def ready(self) -> bool:
        """Whether the rewards are learnt, so that `learn` need not be called any more."""
        return self._collected == self.options.frames and self._epochs == self.epochs

    def __call__(self, views: Tensor) -> Tensor:
        """Compute rewards `[B, K]`, float32, of views `[B, h, w]`, uint8."""
        return (self._raw(views) - self.shift) / self.divisor

    @torch.no_grad()
    def _raw(self, views: Tensor) -> Tensor:
        encoding = _pixels(views.to(self.device))
        if self.encoder is not None:
            encoding, deviation = self.encoder.encode(encoding)
            if self.faithful:
                encoding = encoding + deviation * self._noise(encoding.shape)
        return encoding @ self.weights

    def _noise(self, shape: torch.Size) -> Tensor:
        return torch.randn(shape, generator=self.generator).to(self.device)

    def learn(self, views: Tensor) -> dict[str, float]:
        """Collect views, or train the encoder for one epoch.

        Args:
            views: Views `[B, h, w]`, uint8, of an iteration with random actions; used only while
                views are collected.

        Returns:
            Metrics to log: after an epoch, the encoder's loss in nats per view.

        Raises:
            NumericsError: If the loss is not finite.
        """
        logged = {}
        if self._collected < self.options.frames:
            taken = views[: self.options.frames - self._collected].cpu()
            self._views[self._collected : self._collected + len(taken)] = taken
            self._collected += len(taken)
        else:
            logged = {"aup/encoder_loss": self._epoch()}
            self._epochs += 1
        if self.ready:
            self._finish()
        return logged

    def _epoch(self) -> float:
        """Train once on all views; return the mean loss."""
        assert self.encoder is not None
        assert self.optimizer is not None
        total = torch.zeros((), device=self.device)
        order = torch.randperm(len(self._views), generator=self.generator)
        batch_size = self.options.encoder_batch_size
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            pictures = _pixels(self._views[rows].to(self.device))
            noise = self._noise(torch.Size((len(rows), self.options.latent)))
            loss = self.encoder.loss(pictures, noise)
            descend(self.optimizer, loss)
            total += loss.detach() * len(rows)
        if not bool(torch.isfinite(total)):
            raise NumericsError(
                "the encoder's loss is not finite; lower algo.aux.encoder_learning_rate"
            )
        return float(total) / len(order)

    def _finish(self) -> None:
        """Compute the scale of the rewards; free views and optimiser."""
        if not self.faithful:
            starts = range(0, len(self._views), _CHUNK)
            parts = [self._raw(self._views[start : start + _CHUNK]) for start in starts]
            found = torch.cat(parts).double()
            self.shift = found.mean(0).float()
            deviation = found.std(0, correction=0).clamp_min(LEAST_DEVIATION)
            self.divisor = deviation.float()
        self._views, self.optimizer = self._views[:0].clone(), None

    def get_state(self) -> dict[str, Any]:
        """Return the states of encoder, optimiser, weights, scale, views, counts and generator."""
        encoder, optimizer = self.encoder, self.optimizer
        kept = min(self._collected, len(self._views))
        return {
            "encoder": None if encoder is None else encoder.state_dict(),
            "optimizer": None if optimizer is None else optimizer.state_dict(),
            "weights": self.weights,
            "shift": self.shift,
            "divisor": self.divisor,
            "views": self._views[:kept].clone(),
            "collected": self._collected,
            "epochs": self._epochs,
            "generator": self.generator.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        if self.encoder is not None:
            self.encoder.load_state_dict(state["encoder"])
        if state["optimizer"] is None:
            self.optimizer = None
        elif self.optimizer is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        self.weights = state["weights"].to(self.device)
        self.shift = state["shift"].to(self.device)
        self.divisor = state["divisor"].to(self.device)
        self._collected, self._epochs = state["collected"], state["epochs"]
        views = state["views"].cpu()
        if self.ready:
            self._views = views
        else:
            self._views[: len(views)] = views
        self.generator.set_state(state["generator"].cpu())


def _pixels(views: Tensor) -> Tensor:
    """Return views `[B, h, w]`, uint8, as pixels `[B, D]` in [0, 1]."""
    return views.flatten(1).float() / 255
