"""The error that this room raises, and suggestions for mistyped words in its messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RoutingError(ValueError):
    """A model, region, rule or label cannot be routed; one line says what to do instead."""


def hint(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: a similar word, or else up to 12 known words."""
    names = [name for name in known if name]
    match = get_close_matches(word, names, n=1, cutoff=0.6)
    if match:
        return f"did you mean {match[0]!r}?"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"known: {shown}" if names else "none is known"
