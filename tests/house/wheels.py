"""The project as a wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.rooms import NAME, ROOMS, ROOT


def build_wheel(folder: Path) -> Path:
    """Build a wheel from a copy, so that nothing is left in the repository."""
    source = folder / "source"
    for room in (NAME, *ROOMS):
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("node_modules"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("chisel_agents-*.whl")
    return built
