"""A variational autoencoder of small grey pictures, with a continuous Bernoulli likelihood.

The likelihood is that of Loaiza-Ganem and Cunningham 2019 (arXiv 1907.06845). The sizes are those
of the encoders for auxiliary rewards in Turner et al. 2020 (arXiv 2006.06547).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import ContinuousBernoulli, Normal, kl_divergence

HIDDEN = (512, 512, 256)
HEAD = 128


class FrameVae(nn.Module):
    """Encodes pictures of D pixels as `latent` numbers, and decodes them.

    The encoder has fully connected layers of 512, 512 and 256 units with ELU, then a layer of 128
    units for the mean and another for the standard deviation. The decoder mirrors it.

    Args:
        pixels: Number of pixels of a picture, D.
        latent: Number of dimensions of an encoding.
        generator: Source of the initial weights, which have torch's default distribution: uniform
            within ±1/√inputs.
    """

    def __init__(self, pixels: int, latent: int, generator: torch.Generator) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*_layers([pixels, *HIDDEN]), nn.ELU())
        self.mean = nn.Sequential(*_layers([HIDDEN[-1], HEAD, latent]))
        self.deviation = nn.Sequential(*_layers([HIDDEN[-1], HEAD, latent]), nn.Softplus())
        self.decoder = nn.Sequential(*_layers([latent, HEAD, *reversed(HIDDEN), pixels]))
        self.to_empty(device="cpu")  # on "meta" the constructors drew no weights from torch's state
        for module in self.modules():
            if isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                for weights in module.parameters():
                    nn.init.uniform_(weights, -bound, bound, generator=generator)

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Compute means and standard deviations `[B, latent]` of the encodings of `[B, D]`."""
        features = self.trunk(pictures)
        return self.mean(features), self.deviation(features)

    def loss(self, pictures: Tensor, noise: Tensor) -> Tensor:
        """Compute the negative evidence lower bound, in nats, as a mean over pictures.

        Args:
            pictures: Pixels in [0, 1], `[B, D]`.
            noise: Standard normal numbers, `[B, latent]`.
        """
        mean, deviation = self.encode(pictures)
        logits = self.decoder(mean + deviation * noise)
        pixels = ContinuousBernoulli(logits=logits, validate_args=False)
        likelihood: Tensor = pixels.log_prob(pictures).sum()  # type: ignore[no-untyped-call]
        prior = Normal(torch.zeros_like(mean), 1.0, validate_args=False)
        posterior = Normal(mean, deviation, validate_args=False)
        return (kl_divergence(posterior, prior).sum() - likelihood) / len(pictures)


def _layers(sizes: Sequence[int]) -> list[nn.Module]:
    """Return linear layers with ELU between them, and none after the last."""
    found: list[nn.Module] = []
    for before, after in pairwise(sizes):
        found += [nn.Linear(before, after, device="meta"), nn.ELU()]
    return found[:-1]
