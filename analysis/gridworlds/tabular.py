"""What studies of tabular worlds share: where they go, what they say about where they come from."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chisel.analysis.results import make_folder
from chisel.configs import ConfigError, versions_of

_PACKAGES = ("chisel", "numpy", "numba", "torch")
"""Whose version can change a result."""


def tabular_folder(study: str, out: Path | str | None) -> Path:
    """`out`, or `studies/STUDY` of the current folder, made if need be.

    Raises:
        ConfigError: If it cannot be made.
    """
    return make_folder(Path("studies") / study if out is None else Path(out))


def origin(command: str, seed: int) -> dict[str, Any]:
    """Command, seed and versions, for JSON."""
    found = {"python": platform.python_version()} | versions_of(_PACKAGES)
    return {"command": command, "seed": seed, "versions": found}


@contextmanager
def refusals() -> Iterator[None]:
    """What the room of penalties and power refuses is the user's to mend: one line, exit code 2.

    Raises:
        ConfigError: In place of a ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from error


def check_at_least(least: int, **given: int) -> None:
    """Check that options are large enough.

    Raises:
        ConfigError: If one is not.
    """
    for key, value in given.items():
        if value < least:
            raise ConfigError(f"{key}={value}: must be at least {least}")


def no_nan(value: float) -> float | None:
    """For JSON, which knows no nan: null."""
    return None if math.isnan(value) else value
