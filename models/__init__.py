"""Networks as plain torch modules with named intermediate results, and their checkpoint files."""

from chisel.models.actor_critic import ActorCritic
from chisel.models.agent import Agent
from chisel.models.autoencoder import HalvesAutoencoder, Reconstructions
from chisel.models.build import build, build_halves_autoencoder
from chisel.models.load import (
    FORMAT,
    WEIGHTS,
    ancestors_of,
    find_checkpoint,
    holds_agent,
    load_agent,
    read_saved,
    save_agent,
    saved_in,
)
from chisel.models.published import load_published
from chisel.models.serialize import (
    CHECKPOINTS,
    checkpoint_name,
    file_digest,
    iteration_of,
    kept_checkpoints,
    latest_valid,
    prune,
    read_checkpoint,
    sidecar_of,
    write_atomically,
    write_checkpoint,
)
from chisel.models.spaces import Spaces, spaces_of, to_tensor
from chisel.models.trained_autoencoder import (
    TrainedAutoencoder,
    holds_autoencoder,
    load_autoencoder,
)
from chisel.models.weights import load_weights, require_match

__all__ = [
    "CHECKPOINTS",
    "FORMAT",
    "WEIGHTS",
    "ActorCritic",
    "Agent",
    "HalvesAutoencoder",
    "Reconstructions",
    "Spaces",
    "TrainedAutoencoder",
    "ancestors_of",
    "build",
    "build_halves_autoencoder",
    "checkpoint_name",
    "file_digest",
    "find_checkpoint",
    "holds_agent",
    "holds_autoencoder",
    "iteration_of",
    "kept_checkpoints",
    "latest_valid",
    "load_agent",
    "load_autoencoder",
    "load_published",
    "load_weights",
    "prune",
    "read_checkpoint",
    "read_saved",
    "require_match",
    "save_agent",
    "saved_in",
    "sidecar_of",
    "spaces_of",
    "to_tensor",
    "write_atomically",
    "write_checkpoint",
]
