"""An autoencoder whose encoding has two halves, with a certificate for each half.

A certificate is a decoder that reads only one half and passes no gradient to the encoder. Its
reconstruction error shows what that half encodes (Cloud et al. 2024, section 4.1, appendix B).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from chisel.configs import ConfigError
from chisel.models.spaces import Spaces

HALVES = ("first", "second")


class Reconstructions(NamedTuple):
    """Outputs of the network for a batch of pictures."""

    encoding: Tensor
    """Input of the module `code`, `[B, code]`."""
    decoded: Tensor
    """Reconstruction by the decoder, `[B, H, W]`."""
    first: Tensor
    """Reconstruction by the certificate of the first half, `[B, H, W]`."""
    second: Tensor
    """Reconstruction by the certificate of the second half, `[B, H, W]`."""


class HalvesAutoencoder(nn.Module):
    """Encodes pictures `[B, H, W]` as `[B, code]` and reconstructs them.

    The children are `encoder`, `code`, `decoder`, and `certificates` with `first` and `second`. All
    but `code` consist of layers `fc1`, `relu1`, `fc2`, … `code` is the identity between encoder and
    decoder: gradients are routed at its output, and penalties on the encoding use its input.

    Args:
        image_shape: Height and width of a picture.
        hidden: Units of the encoder's hidden layers; decoder and certificates reverse the order.
        code: Units of the encoding, an even number.
        generator: Source of the initial weights, which have torch's default distribution: uniform
            within ±1/√inputs.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        *,
        hidden: Sequence[int],
        code: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        pixels, back = image_shape[0] * image_shape[1], hidden[::-1]
        self.encoder = layers([pixels, *hidden, code], last_bias=False)
        self.code = nn.Identity()
        self.decoder = layers([code, *back, pixels])
        self.certificates = nn.ModuleDict(
            {half: layers([code // 2, *back, pixels]) for half in HALVES}
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                for weights in module.parameters():
                    bound = module.in_features**-0.5
                    nn.init.uniform_(weights, -bound, bound, generator=generator)

    def forward(self, images: Tensor) -> Reconstructions:
        """Encode pictures; reconstruct them with the decoder and with both certificates."""
        encoding: Tensor = self.encoder(images.flatten(1))
        decoded = self.decoder(self.code(encoding))
        halves = encoding.detach().chunk(2, dim=1)
        certified = [
            certificate(half)
            for certificate, half in zip(self.certificates.values(), halves, strict=True)
        ]
        pictures = [flat.unflatten(1, self.image_shape) for flat in (decoded, *certified)]
        return Reconstructions(encoding, *pictures)


def layers(sizes: Sequence[int], *, last_bias: bool = True) -> nn.Sequential:
    """Stack linear layers `fc1`, `fc2`, … with `relu1`, … between them.

    Args:
        sizes: Numbers of units, from the input to the output.
        last_bias: Whether the last layer has a bias.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        last = number == len(sizes) - 1
        modules[f"fc{number}"] = nn.Linear(inputs, outputs, bias=last_bias or not last)
        if not last:
            modules[f"relu{number}"] = nn.ReLU()
    return nn.Sequential(modules)


def build_autoencoder(config: Any, spaces: Spaces, generator: torch.Generator) -> HalvesAutoencoder:
    """Build the network `model.name: autoencoder`.

    Raises:
        ConfigError: If pictures have more than one channel.
    """
    height, width, channels = spaces.image_shape("autoencoder")
    if channels != 1:
        raise ConfigError(f"model.name = autoencoder: pictures have {channels} channels, not 1")
    return HalvesAutoencoder(
        (height, width), hidden=config.hidden, code=config.code, generator=generator
    )
