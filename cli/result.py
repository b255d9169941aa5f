"""Says where the results are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def print_result(path: Path) -> None:
    """Print a path to standard output, once however many processes worked together."""
    dist: Any = sys.modules.get("torch.distributed")  # loaded if anything was trained
    together = dist is not None and dist.is_available() and dist.is_initialized()
    if not together or dist.get_rank() == 0:
        print(path)
