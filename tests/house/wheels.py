"""The project as a source distribution, and the wheel that is built from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.rooms import NAME, ROOMS, ROOT


def build_wheel(folder: Path) -> Path:
    """Build both from a copy, so that nothing is left in the repository; return the wheel."""
    source = folder / "source"
    for room in (NAME, *ROOMS, "agents"):
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("node_modules"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("chisel_agents-*.whl")
    return built
