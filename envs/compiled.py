"""Compile the inner loops of worlds with numba, and cache them on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Loop = TypeVar("_Loop", bound=Callable[..., object])


def compiled(function: _Loop) -> _Loop:
    """Compile a function; it releases Python's lock while it runs, so that threads share work.

    Its machine code is cached beside the source, or in the user's home. If neither can be written,
    each process compiles the function at its first call.
    """
    try:
        made = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no folder for its files
        made = numba.njit(nogil=True)(function)
    return cast(_Loop, made)
