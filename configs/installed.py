"""What is installed: versions of packages, and what to type for what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

DISTRIBUTION = "chisel-agents"
"""The project's name for `pip install`, where `chisel` is the name of another package."""


def version() -> str:
    """Version of the installed project, or `(not installed)`."""
    return versions_of(["chisel"]).get("chisel", "(not installed)")


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed; `chisel` is this project."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(DISTRIBUTION if name == "chisel" else name)
        except metadata.PackageNotFoundError:
            continue
    return found


def how_to_install(extra: str) -> str:
    """What to type for an extra, as the end of a message."""
    return f"pip install '{DISTRIBUTION}[{extra}]', or pip install '.[{extra}]' in a clone"


def namesake() -> str | None:
    """One line if the web framework that is named `chisel` is installed as well, else None."""
    try:
        other = metadata.version("chisel")
    except metadata.PackageNotFoundError:
        return None
    return (
        f"the web framework chisel {other} is installed in the same place and shares its import "
        f"name: pip uninstall chisel, then pip install --force-reinstall --no-deps {DISTRIBUTION}"
    )
