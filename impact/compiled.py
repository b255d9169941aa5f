"""Compile functions with numba, and cache them on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a function; it releases Python's lock while it runs.

    Its machine code is cached beside the source, or in the user's home. If neither can be written,
    each process compiles the function at its first call. It may use nothing of another file, since
    numba compiles it anew only when its own file has changed.
    """
    try:
        return cast(_Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba found no folder for its files
        return cast(_Function, numba.njit(nogil=True)(function))
