"""Look up versions of installed packages, and the command that installs an extra."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

DISTRIBUTION = "chisel-agents"
"""Name of this project for `pip install`. On PyPI, `chisel` is another package."""


def version() -> str:
    """Return the version of the installed project, or `(not installed)`."""
    return versions_of(["chisel"]).get("chisel", "(not installed)")


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return versions by package, without packages that are missing; `chisel` is this project."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(DISTRIBUTION if name == "chisel" else name)
        except metadata.PackageNotFoundError:
            continue
    return found


def how_to_install(extra: str) -> str:
    """Return the commands that install an extra, as the end of a message."""
    return f"pip install '{DISTRIBUTION}[{extra}]', or pip install '.[{extra}]' in a clone"


def namesake() -> str | None:
    """Return a one-line warning if the web framework `chisel` is installed too, else None."""
    try:
        other = metadata.version("chisel")
    except metadata.PackageNotFoundError:
        return None
    return (
        f"the web framework chisel {other} is installed in the same place and shares its import "
        f"name: pip uninstall chisel, then pip install --force-reinstall --no-deps {DISTRIBUTION}"
    )
