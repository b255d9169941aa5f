"""Contrast pairs: two texts that differ in what a direction is to stand for, one pair a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from chisel.configs import ConfigError


class Pair(NamedTuple):
    """Two texts of a pair."""

    plus: str
    """The text with more of it."""
    minus: str


def write_pairs(path: Path | str, pairs: Sequence[Pair]) -> Path:
    """Write pairs as JSON, one object with `plus` and `minus` a line; return the path."""
    lines = [json.dumps(pair._asdict(), ensure_ascii=False) for pair in pairs]
    path = Path(path)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def read_pairs(path: Path | str) -> list[Pair]:
    """Read what `write_pairs` wrote, or anyone in this form; empty lines are passed over.

    Raises:
        ConfigError: If the file can't be read, a line is no pair of texts, or there is none.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read pairs from {path}: {error}") from error
    pairs = [_pair(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not pairs:
        raise ConfigError(f'{path} holds no pairs; write one a line: {{"plus": …, "minus": …}}')
    return pairs


def _pair(line: str, where: str) -> Pair:
    try:
        read = json.loads(line)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: no JSON ({error.msg})") from error
    texts = isinstance(read, dict) and set(read) == {"plus", "minus"} and read.values()
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ConfigError(f'{where}: needs {{"plus": TEXT, "minus": TEXT}}')
    return Pair(**read)
