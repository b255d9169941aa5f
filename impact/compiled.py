"""Compiling with numba, remembered on disk where a disk lets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """The function compiled, to run beside other threads.

    Its machine code is kept beside the source, or in the user's home. Where neither can be written
    each process compiles anew, at the first call.
    """
    try:
        return cast(_Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba found no folder for its files
        return cast(_Function, numba.njit(nogil=True)(function))
