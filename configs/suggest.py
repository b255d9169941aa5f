"""Parts of error messages: suggestions for mistyped words, and given values as text."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most similar to `word`, or None if none is similar."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def hint(word: str, known: Iterable[str], listed: str = "") -> str:
    """Return the end of an error message: a similar word, or else all known words.

    Args:
        word: The unknown word that was given.
        known: All valid words.
        listed: Text to return instead of all known words, such as where they are listed.
    """
    names = sorted(known)
    match = near(word, names)
    if match is not None:
        return f"did you mean {match!r}?"
    return listed or (f"known: {', '.join(names)}" if names else "none is known")


def one_line(value: Any) -> str:
    """Return a value as text on one line; a Box space, for example, prints on several."""
    return " ".join(str(value).split())


def shown(value: Any) -> str:
    """Return a given value for an error message: on one line, at most 60 characters."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) and value.isprintable() and value else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
