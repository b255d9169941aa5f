"""Choose the folders of results, so that different weights or options never share one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from chisel.analysis.results.files import check_folder, read_json
from chisel.configs import PREFIX, agent_path
from chisel.models import CHECKPOINTS, GROUP_FILE, WEIGHTS, holds_agent, iteration_of

_DIGITS = 8
"""Number of hex digits of a digest in the name of a folder."""


def runs_of(checkpoint: Path | str) -> list[Path]:
    """Return the runs of a group of seeds, ordered by seed; for any other path, the path alone."""
    path = agent_path(checkpoint)
    if holds_agent(path):
        return [path]
    seeds = [one for one in path.glob("seed-*") if holds_agent(one)]
    return sorted(seeds, key=lambda one: (len(one.name), one.name)) or [path]


def points_of(grid: Path | str) -> list[Path]:
    """Return the runs, or groups of seeds, of a grid in its order; for another path, it alone.

    Runs without a log of metrics are left out.
    """
    path = agent_path(grid)
    runs = [Path(name) for name in read_json(path / GROUP_FILE).get("folders", [])]
    logged = [run for run in runs if (path / run / "metrics.csv").is_file()]
    points = [path / (run.parent if run.name.startswith("seed-") else run) for run in logged]
    return list(dict.fromkeys(points)) or [path]


def home_above(paths: Sequence[Path | str]) -> str:
    """Return the folder that contains all paths; empty if there is one path or no such folder."""
    names = list(map(str, paths))
    if len(names) < 2 or len(set(map(os.path.isabs, names))) > 1:
        return ""
    home = os.path.commonpath(names)
    return "" if home in names else home


def labels_of(paths: Sequence[Path | str]) -> list[str]:
    """Return a label for each path: the parts that not all paths share."""
    home = home_above(paths)
    if not home:
        parts = [Path(str(one).removeprefix(PREFIX)).parts for one in paths]
        lone = [one[-2 if one[-1].startswith("seed-") else -1 :] for one in parts]
        short = [", ".join(one) for one in lone]
        return short if len(set(short)) == len(short) else [", ".join(one) for one in parts]
    return [os.path.relpath(one, home).replace(os.sep, ", ") for one in paths]


def home_of(source: Path, digest: str, study: str, words: str = "") -> Path:
    """Return the folder for results about some weights.

    It is `studies/STUDY` of the run for its newest checkpoint, `studies/STUDY-CHECKPOINT` for an
    earlier one, and `studies/STUDY/NAME-DIGEST` of the current folder for weights that belong to no
    run. The words are appended with a hyphen.

    Args:
        source: File of the weights.
        digest: Its SHA-256, in hex.
        study: Name of the study, or of another kind of result.
        words: Options that are not at their defaults.
    """
    if source.parent.name == CHECKPOINTS:
        newest = max(filter(iteration_of, source.parent.glob("*.ckpt")), default=source)
        parts = (study, "" if newest.name == source.name else source.stem, words)
        return source.parent.parent / "studies" / joined(*parts)
    parts = (_name_of(source), digest[:_DIGITS], words)
    return Path("studies") / study / joined(*parts)


def check_writable(checkpoint: Path | str | None, out: Path | str | None) -> None:
    """Check that a study's results can be written, before the study works for an hour.

    Args:
        checkpoint: Path of the studied network, if there is one.
        out: Folder of the results; `None` is `studies/` of the run, or of the current folder.

    Raises:
        ConfigError: If the results cannot be written.
    """
    path = Path() if checkpoint is None else agent_path(checkpoint)
    if path.is_file() and path.parent.name == CHECKPOINTS:
        path = path.parent.parent
    runs = runs_of(path)
    home = path if any((run / CHECKPOINTS).is_dir() for run in (path, *runs)) else Path()
    check_folder(Path(out) if out is not None else home / "studies")


def short_digest(text: str) -> str:
    """Return the first digits of a text's SHA-256, for the name of a folder."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def joined(*parts: str) -> str:
    """Join the parts that are not empty with hyphens."""
    return "-".join(filter(None, parts))


def _name_of(source: Path) -> str:
    """Return a name for weights that belong to no run: that of their file, folder or seed."""
    if source.name != WEIGHTS:
        return source.stem
    folder = source.resolve().parent
    return f"{folder.parent.name}-{folder.name}" if folder.match("seed-*") else folder.name
