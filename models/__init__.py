"""Networks as plain torch modules whose intermediate results have names, and checkpoint files."""

from chisel.models.actor_critic import ActorCritic
from chisel.models.autoencoder import HalvesAutoencoder, Reconstructions
from chisel.models.build import build, require_kind
from chisel.models.frame_vae import FrameVae
from chisel.models.impala import ResidualAdd, ResidualUnit
from chisel.models.layers import Layer, layers_of
from chisel.models.loaded import WEIGHTS, Agent, Loaded, as_agent, require_model
from chisel.models.loading import (
    CONFIG_FILE,
    FORMAT,
    GROUP_FILE,
    ancestors_of,
    find_checkpoint,
    holds_agent,
    load,
    load_agent,
    save_agent,
    saved_in,
)
from chisel.models.mixture import Mixture
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
    write_file,
)
from chisel.models.spaces import Spaces, View, as_tensor, spaces_of, to_tensor
from chisel.models.weights import load_weights, require_match

__all__ = [
    "CHECKPOINTS",
    "CONFIG_FILE",
    "FORMAT",
    "GROUP_FILE",
    "WEIGHTS",
    "ActorCritic",
    "Agent",
    "FrameVae",
    "HalvesAutoencoder",
    "Layer",
    "Loaded",
    "Mixture",
    "Reconstructions",
    "ResidualAdd",
    "ResidualUnit",
    "Spaces",
    "View",
    "ancestors_of",
    "as_agent",
    "as_tensor",
    "build",
    "checkpoint_name",
    "file_digest",
    "find_checkpoint",
    "holds_agent",
    "iteration_of",
    "kept_checkpoints",
    "latest_valid",
    "layers_of",
    "load",
    "load_agent",
    "load_published",
    "load_weights",
    "prune",
    "read_checkpoint",
    "require_kind",
    "require_match",
    "require_model",
    "save_agent",
    "saved_in",
    "sidecar_of",
    "spaces_of",
    "to_tensor",
    "write_atomically",
    "write_checkpoint",
    "write_file",
]
