"""Options of the networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ImpalaConfig:
    """The convolutional network of IMPALA (Espeholt et al. 2018), as Langosco et al. built it."""

    name: str = "impala"
    channels: tuple[int, ...] = (16, 32, 32)
    """Output channels of the three blocks."""
    hidden: int = 256
    """Units of the layer before the heads."""


@dataclass(frozen=True)
class ExpertsConfig:
    """Small Impala trunks side by side, mixed by a gate (Cloud et al. 2024, section 4.3)."""

    name: str = "experts"
    experts: tuple[str, ...] = ("a", "b")
    """Names of the trunks; their modules are `embedder.experts.NAME`."""
    channels: tuple[int, ...] = (8, 16, 16)
    """Output channels of each trunk's blocks."""
    hidden: int = 128
    """Number of features of each trunk."""
    gate_channels: tuple[int, ...] = (8, 8, 8)
    """Output channels of the gate's blocks."""


@dataclass(frozen=True)
class AutoencoderNetConfig:
    """A fully connected encoder and decoder, and a certificate for each half of the encoding."""

    name: str = "autoencoder"
    hidden: tuple[int, ...] = (256, 128)
    """Units of the encoder's hidden layers; the decoder and the certificates reverse the order."""
    code: int = 16
    """Units of the encoding; must be even."""


@dataclass(frozen=True)
class GridExpertsConfig:
    """Fully connected experts mixed by a gate, and a separate value network, for small boards
    (Cloud et al. 2024, appendix F).
    """

    name: str = "grid-experts"
    experts: tuple[str, ...] = ("diamond", "ghost")
    """Names of the experts; their modules are `embedder.experts.NAME`."""
    hidden: int = 256
    """Units of each layer, which is also the number of features."""
    critic: Literal["own", "shared"] = "own"
    """Network that computes values: a separate one (`own`, as in the paper), or one layer on the
    policy's features (`shared`), so that ablating a region changes values too."""


@dataclass(frozen=True)
class GridMlpConfig:
    """A single expert of `grid-experts`, without a gate."""

    name: str = "grid-mlp"
    hidden: int = 256
    """Units of each layer, which is also the number of features."""
    critic: Literal["own", "shared"] = "own"
    """Network that computes values: a separate one (`own`, as in the paper), or one layer on the
    policy's features (`shared`), so that ablating a region changes values too."""


@dataclass(frozen=True)
class CnnConfig:
    """Three convolutions without padding, and a fully connected layer.

    The default sizes are those of SafeLife's agents (arXiv 2006.06547).
    """

    name: str = "cnn"
    channels: tuple[int, ...] = (32, 64, 64)
    """Output channels of the three convolutions. Their kernels are 5, 3 and 3 wide, their strides
    2, 2 and 1."""
    hidden: int = 512
    """Units of the layer before the heads."""


@dataclass(frozen=True)
class CnnExpertsConfig:
    """Small trunks like those of `cnn` side by side, mixed by a gate."""

    name: str = "cnn-experts"
    experts: tuple[str, ...] = ("a", "b")
    """Names of the trunks; their modules are `embedder.experts.NAME`."""
    channels: tuple[int, ...] = (8, 16, 16)
    """Output channels of the convolutions of each trunk, and of the gate's."""
    hidden: int = 64
    """Number of features of each trunk, and of the gate's."""


@dataclass(frozen=True)
class GptConfig:
    """A small transformer with GPT-2's architecture."""

    name: str = "gpt"
    layers: int = 4
    """Number of blocks."""
    width: int = 128
    """Width of the residual stream, a multiple of `heads`."""
    heads: int = 4
    """Attention heads of each block."""
    hidden: int | None = None
    """Units of each block's MLP; null takes four times the width."""
