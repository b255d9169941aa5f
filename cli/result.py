"""Says where the results are."""

from __future__ import annotations

import os
from pathlib import Path

_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
"""Where torchrun, Lightning and SLURM tell a process its number."""


def print_result(path: Path) -> None:
    """Print a path to standard output, once however many processes worked together."""
    rank = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    if rank == "0":
        print(path)
