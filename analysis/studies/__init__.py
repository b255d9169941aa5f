"""Studies: each writes a table, JSON and figures about a checkpoint or a world to one folder."""

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
        options: `checkpoint`, a path or a loaded network, where one is needed; `out`, a folder for
            the results; and the study's own options. Text, as from a command line, is converted.

    Returns:
        The folder with the results.

    Raises:
        ConfigError: If the study or an option is unknown, a value is impossible, or results can't
            be written.
        CheckpointError: If nothing can be loaded from `checkpoint`.
    """
    return run_study(name, registry.resolve("study", name), options)
