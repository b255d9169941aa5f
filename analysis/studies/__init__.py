"""Studies, each of which writes tables, JSON and figures about a checkpoint or a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chisel.analysis.results import run_study
from chisel.configs import registry

__all__ = ["run"]


def run(name: str, **options: Any) -> Path:
    """Run a study.

    Args:
        name: A registered study, such as `vector-field`.
        options: The study's own options, and `out`, a folder for the results. Studies of networks
            take `checkpoint`, a path or a loaded network. Text, as from a command line, is
            converted.

    Returns:
        The folder with the results.

    Raises:
        ConfigError: If the study or an option is unknown, a value is impossible, or results cannot
            be written.
        CheckpointError: If nothing can be loaded from `checkpoint`.
    """
    return run_study(name, registry.resolve("study", name), options)
