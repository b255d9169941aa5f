"""Memory for masked gradients that is used again.

On the CPU torch keeps no freed memory, and the C library hands large blocks back to the system. So
a masked gradient in fresh memory costs more for its pages than for its multiplication.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LARGE = 1 << 17
"""Bytes from which the C library gets a block from the system, and gives it back when freed."""

_kept: list[torch.UntypedStorage] = []
"""The one block that is kept; not here while a thread looks at it."""


def like(x: Tensor) -> Tensor | None:
    """Return an uninitialised tensor like `x` in the block that is kept; None where that can't be.

    The block is used again only when no tensor refers to it any more (nor an array made of one): a
    gradient that a hook, a graph or `.grad` still holds is never overwritten. The block grows to
    the largest tensor asked for.
    """
    if not _fits_a_block(x):
        return None
    try:
        block = _kept.pop()
    except IndexError:  # the first time, or another thread has it
        block = _new(x.nbytes)
    if torch._C._storage_Use_Count(block._cdata) > 1 or block.nbytes() < x.nbytes:
        block = _new(x.nbytes)
    mine = torch.empty(0, dtype=x.dtype).set_(block, 0, x.shape, x.stride())
    _kept[:] = [block]
    return mine


def _new(size: int) -> torch.UntypedStorage:
    return torch.empty(size, dtype=torch.uint8).untyped_storage()


def _fits_a_block(x: Tensor) -> bool:
    """Whether `x` is a large, dense tensor on the CPU with memory of its own, outside of graphs."""
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
