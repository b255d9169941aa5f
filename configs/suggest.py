"""Suggestions for mistyped words, and given values as error messages show them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, or None if nothing is close."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def hint(word: str, known: Iterable[str], listed: str = "") -> str:
    """Return the end of an error message: a near match, or else everything that is known.

    Args:
        word: What was given.
        known: Every right word.
        listed: Words that say where all are listed, instead of naming them here.
    """
    names = sorted(known)
    match = near(word, names)
    if match is not None:
        return f"did you mean {match!r}?"
    return listed or (f"known: {', '.join(names)}" if names else "none is known")


def one_line(value: Any) -> str:
    """Return a value as text on one line; arrays of bounds would print on many."""
    return " ".join(str(value).split())


def shown(value: Any) -> str:
    """Return a given value as an error message shows it: on one line, up to 60 characters."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) and value.isprintable() and value else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
