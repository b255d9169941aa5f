"""Load trained autoencoders from runs and checkpoints."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chisel.configs import CheckpointError, RunConfig
from chisel.models.autoencoder import HalvesAutoencoder
from chisel.models.build import build_halves_autoencoder
from chisel.models.load import find_checkpoint, read_saved
from chisel.models.serialize import file_digest
from chisel.models.weights import load_weights


@dataclass(frozen=True)
class TrainedAutoencoder:
    """An autoencoder in evaluation mode, on the CPU, and where its weights come from."""

    model: HalvesAutoencoder
    config: RunConfig
    digest: str
    """SHA-256 of the file that the weights were read from, in hex."""
    env_steps: int | None
    """Number of examples trained on, each counted as often as it was seen."""
    source: Path
    """File that the weights were read from."""


def holds_autoencoder(path: Path) -> bool:
    """Return whether a run, a group of runs or a checkpoint learnt from a corpus.

    False where no checkpoint is found: `load_agent` then says why, and warns of damage.
    """
    first = min(path.glob("seed-*"), default=path)
    if not first.is_dir() and first.suffix != ".ckpt":
        return False
    try:
        file = first if first.is_file() else find_checkpoint(first, lambda _: None)
        return read_saved(file).config.corpus is not None
    except CheckpointError:
        return False


def load_autoencoder(path: Path, warn: Callable[[str], None] = warnings.warn) -> TrainedAutoencoder:
    """Load the network of a run's newest valid checkpoint, or of a checkpoint.

    Raises:
        CheckpointError: If there is none, or it is of a run in an environment.
    """
    file = path if path.is_file() else find_checkpoint(path, warn)
    saved = read_saved(file)
    if saved.config.corpus is None:
        raise CheckpointError(f"{path} learnt in an environment, not from a corpus")
    model = build_halves_autoencoder(saved.config.model, saved.spaces).eval()
    load_weights(model, saved.weights, file)
    return TrainedAutoencoder(model, saved.config, file_digest(file), saved.steps, file)
