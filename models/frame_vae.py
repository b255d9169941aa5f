"""A variational autoencoder of small grey pictures, with a continuous Bernoulli likelihood.

Sources: Loaiza-Ganem and Cunningham 2019 (1907.06845) for the likelihood; the sizes are those of
the encoders of auxiliary rewards in Turner et al. 2020 (2006.06547).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN = (512, 512, 256)
HEAD = 128
TAYLOR_BELOW = 0.5
"""Size of a logit below which the log-normaliser is computed by its series."""


def log_normalizer(logits: Tensor) -> Tensor:
    """Compute log C of the continuous Bernoulli with success probability σ(logit).

    Its density on [0, 1] is `C λ^x (1 - λ)^(1 - x)` with `C = 2 artanh(1 - 2λ) / (1 - 2λ)`, and 2
    at λ = 1/2 (1907.06845, equation 8). In the logit l that is `l / tanh(l / 2)`, whose series
    around 0 is `2 (1 + l²/12 - l⁴/720 + l⁶/30240 - …)`.
    """
    near = logits.abs() < TAYLOR_BELOW
    square = torch.where(near, logits, 0.0).square()
    series = square * (1 / 12 - square * (1 / 720 - square / 30240))
    size = torch.where(near, 1.0, logits.abs())
    far = size.log() - (size / 2).tanh().log()
    return torch.where(near, math.log(2) + series.log1p(), far)


class FrameVae(nn.Module):
    """Encodes pictures of D pixels as `latent` numbers, and decodes them.

    Fully connected layers of 512, 512 and 256 units with ELU, then a layer of 128 for the mean and
    another for the standard deviation; the decoder mirrors them.

    Args:
        pixels: D.
        latent: Numbers of an encoding.
        generator: Source of the initial weights: torch's usual distribution, uniform within
            ±1/√inputs.
    """

    def __init__(self, pixels: int, latent: int, generator: torch.Generator) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*_layers([pixels, *HIDDEN]), nn.ELU())
        self.mean = nn.Sequential(*_layers([HIDDEN[-1], HEAD, latent]))
        self.deviation = nn.Sequential(*_layers([HIDDEN[-1], HEAD, latent]), nn.Softplus())
        self.decoder = nn.Sequential(*_layers([latent, HEAD, *reversed(HIDDEN), pixels]))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                for weights in module.parameters():
                    nn.init.uniform_(weights, -bound, bound, generator=generator)

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Compute mean and standard deviation, `[B, latent]` each, of encodings of `[B, D]`."""
        features = self.trunk(pictures)
        return self.mean(features), self.deviation(features)

    def loss(self, pictures: Tensor, noise: Tensor) -> Tensor:
        """Compute the negative evidence lower bound, in nats: a mean over pictures.

        Args:
            pictures: `[B, D]`, in [0, 1].
            noise: `[B, latent]`, standard normal.
        """
        mean, deviation = self.encode(pictures)
        logits: Tensor = self.decoder(mean + deviation * noise)
        entropy = functional.binary_cross_entropy_with_logits(logits, pictures, reduction="none")
        divergence = 0.5 * (mean.square() + deviation.square() - 1) - deviation.log()
        total: Tensor = (entropy - log_normalizer(logits)).sum() + divergence.sum()
        return total / len(pictures)


def _layers(sizes: Sequence[int]) -> list[nn.Module]:
    """Return linear layers with ELU between them; the last one is linear."""
    found: list[nn.Module] = []
    for before, after in pairwise(sizes):
        found += [nn.Linear(before, after), nn.ELU()]
    return found[:-1]
