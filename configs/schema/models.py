"""Options of the networks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImpalaConfig:
    """The convolutional network of Espeholt et al. 2018, in Langosco et al.'s form."""

    name: str = "impala"
    channels: tuple[int, ...] = (16, 32, 32)
    """Output channels of each block."""
    hidden: int = 256
    """Units of the layer before the heads."""


@dataclass(frozen=True)
class ExpertsConfig:
    """Small Impala trunks side by side, mixed by a gate (Cloud et al. 2024, section 4.3)."""

    name: str = "experts"
    experts: tuple[str, ...] = ("a", "b")
    """Name of each trunk; the modules are `embedder.experts.NAME`."""
    channels: tuple[int, ...] = (8, 16, 16)
    """Output channels of each trunk's blocks."""
    hidden: int = 128
    """Features of each trunk."""
    gate_channels: tuple[int, ...] = (8, 8, 8)
    """Output channels of the gate's blocks."""


@dataclass(frozen=True)
class AutoencoderNetConfig:
    """Encoder, decoder, and a certificate for each half of the encoding: layers of ReLUs."""

    name: str = "autoencoder"
    hidden: tuple[int, ...] = (256, 128)
    """Units of the encoder's layers; the decoder and the certificates mirror them."""
    code: int = 16
    """Units of the encoding (even)."""


@dataclass(frozen=True)
class GridExpertsConfig:
    """The gridworld's policy of fully connected experts and a gate, with a value network apart
    (Cloud et al. 2024, appendix F).
    """

    name: str = "grid-experts"
    experts: tuple[str, ...] = ("diamond", "ghost")
    """Name of each expert; the modules are `embedder.experts.NAME`."""
    hidden: int = 256
    """Units of each layer, and features."""


@dataclass(frozen=True)
class GridMlpConfig:
    """One of those experts alone, without a gate."""

    name: str = "grid-mlp"
    hidden: int = 256
    """Units of each layer, and features."""
