"""Packages that bring components, installed for one test."""

from pathlib import Path


def install(folder: Path, name: str, entry_points: str) -> None:
    """Write what pip would about a package, into a folder that is on `sys.path`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
