"""Compile the inner loops of worlds with numba, and cache them on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_Loop = TypeVar("_Loop", bound=Callable[..., object])

_NEWEST = max(file.stat().st_mtime for file in Path(__file__).parent.rglob("*.py"))


def compiled(function: _Loop) -> _Loop:
    """Compile a function; it releases Python's lock while it runs, so that threads share work.

    Its machine code is cached beside the source, or in the user's home, and compiled anew when any
    file of a world has changed. If neither folder can be written, each process compiles the
    function at its first call.
    """
    try:
        made: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no folder for its files
        return cast(_Loop, numba.njit(nogil=True)(function))
    # numba checks only the function's own file, and would keep outdated code from other files.
    made._cache._cache_file._source_stamp = _NEWEST
    return cast(_Loop, made)
