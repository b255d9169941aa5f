"""Derive independent random streams of a run from its seeds.

Each stream depends only on its seed, its name and the rank. So with `init_seed` fixed and
`env_seed` varied, only the environments change.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from chisel.configs import RunConfig

Stream = Literal["init", "env", "actions", "minibatches", "labels", "auxiliary"]
_STREAMS: tuple[Stream, ...] = ("init", "env", "actions", "minibatches", "labels", "auxiliary")


def derive(config: RunConfig, stream: Stream, rank: int = 0) -> int:
    """Return the seed, in [0, 2**31), of a random stream of process `rank`."""
    own = {"init": config.init_seed, "env": config.env_seed}.get(stream)
    seed = config.seed if own is None else own
    sequence = np.random.SeedSequence(seed, spawn_key=(_STREAMS.index(stream), rank))
    return int(sequence.generate_state(1)[0] >> 1)


def generator(
    config: RunConfig, stream: Stream, rank: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return the torch generator of a random stream of process `rank`."""
    return torch.Generator(device).manual_seed(derive(config, stream, rank))
