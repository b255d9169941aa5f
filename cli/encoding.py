"""Text for terminals that know few characters."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAME = "chisel.plainer"
_PLAINER = {"…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "≥": ">=", "≤": "<=", "→": "->"}
_PLAINER |= {"±": "+-", "²": "2", "γ": "gamma", "λ": "lambda", "σ": "sigma", "·": "*"}


def plainer(error: UnicodeError) -> tuple[str, int]:
    """For `codecs.register_error`: what ASCII has for a character, else a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(_PLAINER.get(one, "?") for one in refused), error.end


@contextmanager
def any_encoding(*streams: Any) -> Iterator[None]:
    """Within the context streams write every character, in whatever encoding they were opened."""
    codecs.register_error(NAME, plainer)
    changed = [
        (one, one.errors)
        for one in streams
        if isinstance(one, io.TextIOWrapper) and one.errors in ("strict", "backslashreplace")
    ]
    for stream, _ in changed:
        stream.reconfigure(errors=NAME)
    try:
        yield
    finally:
        for stream, errors in changed:
            stream.reconfigure(errors=errors)
