"""Look up the versions of the software that a run is made with."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from chisel.configs import versions_of

PACKAGES = (
    "chisel",
    "gymnasium",
    "lightning",
    "numpy",
    "omegaconf",
    "procgen",
    "procgen-mirror",
    "torch",
    "wandb",
)
"""Packages whose versions can change a result or a log."""


def versions() -> dict[str, str]:
    """Return the versions of Python, the operating system, and the installed `PACKAGES`."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    return found | versions_of(PACKAGES)


def git_commit() -> str | None:
    """Return the commit of this project's repository, or else of the current folder's, or `None`.

    `-dirty` is appended if tracked files have changes that are not committed.
    """
    return commit_of(Path(__file__)) or commit_of(Path.cwd())


def commit_of(path: Path) -> str | None:
    """Return the commit of the repository that tracks a file, or that contains a folder.

    It is `None` for an installed file inside a repository that ignores it.
    """
    folder = path if path.is_dir() else path.parent
    if path.is_file() and _git(folder, "ls-files", "--error-unmatch", path.name) is None:
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changes else commit


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
