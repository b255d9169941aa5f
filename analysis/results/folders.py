"""Names of folders, so that results about different weights or options never share one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from chisel.models import CHECKPOINTS, WEIGHTS, iteration_of

_DIGITS = 8
"""Of a digest, in the names of folders."""


def home_of(source: Path, digest: str, study: str, words: str = "") -> Path:
    """Where results about some weights go, apart from those about others.

    For a run's newest checkpoint `studies/STUDY` of the run, for one before it
    `studies/STUDY-CHECKPOINT`; for weights that are no run's `studies/STUDY/NAME-DIGEST` of the
    current folder. Words follow, if there are any.

    Args:
        source: The file of the weights.
        digest: Its sha256, in hex.
        study: Or another kind of result.
        words: Options that are not at their defaults.
    """
    if source.parent.name == CHECKPOINTS:
        newest = max(filter(iteration_of, source.parent.glob("*.ckpt")), default=source)
        parts = (study, "" if newest.name == source.name else source.stem, words)
        return source.parent.parent / "studies" / joined(*parts)
    parts = (_name_of(source), digest[:_DIGITS], words)
    return Path("studies") / study / joined(*parts)


def _name_of(source: Path) -> str:
    """What to call weights that are no run's: their file, or their folder; of seeds the group's."""
    if source.name != WEIGHTS:
        return source.stem
    folder = source.resolve().parent
    return f"{folder.parent.name}-{folder.name}" if folder.match("seed-*") else folder.name


def short_digest(text: str) -> str:
    """What tells texts apart in the names of folders."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def joined(*parts: str) -> str:
    """The parts that are not empty, with hyphens between."""
    return "-".join(filter(None, parts))
