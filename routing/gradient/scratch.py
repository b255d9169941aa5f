"""Reuse memory for masked gradients.

On the CPU torch caches no freed memory, and the C library returns large blocks to the system. So
allocating a masked gradient would cost more than computing it.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LARGE = 1 << 17
"""Size in bytes from which the C library returns freed blocks to the system."""

_kept: list[torch.UntypedStorage] = []
"""The block that is kept; empty while a thread takes it."""


def like(x: Tensor) -> Tensor | None:
    """Return an uninitialised tensor like `x` in the block that is kept; None if `x` doesn't fit.

    The block is reused only if no tensor, nor array made of one, refers to it any more. So a
    gradient that a hook, a graph or `.grad` still holds is never overwritten. The block grows to
    the largest tensor that was asked for.
    """
    if not _fits_a_block(x):
        return None
    try:
        block = _kept.pop()
    except IndexError:  # there is no block yet, or another thread has it
        block = _new(x.nbytes)
    if torch._C._storage_Use_Count(block._cdata) > 1 or block.nbytes() < x.nbytes:
        block = _new(x.nbytes)
    mine = torch.empty(0, dtype=x.dtype).set_(block, 0, x.shape, x.stride())
    _kept[:] = [block]
    return mine


def _new(size: int) -> torch.UntypedStorage:
    return torch.empty(size, dtype=torch.uint8).untyped_storage()


def _fits_a_block(x: Tensor) -> bool:
    """Return whether `x` is a large, dense CPU tensor with its own memory, and no graph records."""
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or type(x) is not Tensor:
        return False
    if x.device.type != "cpu" or x.layout != torch.strided or x.nbytes < _LARGE:
        return False
    last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    if not (last or x.is_contiguous()):
        return False
    try:
        x.untyped_storage()
    except NotImplementedError:  # one of many gradients computed at once (`is_grads_batched`)
        return False
    return True
