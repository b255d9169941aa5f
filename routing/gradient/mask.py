"""The basic operation: identity forward, a gradient scaled per example and unit backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from chisel.routing.errors import RoutingError
from chisel.routing.gradient import scratch


class _ScaleGradient(torch.autograd.Function):
    """`∂̃L/∂̃x = mask ⊙ ∂̃L/∂̃y` with `y = x` (Cloud et al. 2024, section 3)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor, copy: bool) -> Tensor:
        # A saved mask outlives the labels; and with activation checkpointing, labels that are gone
        # when the forward is run again are an error instead of a gradient without routes.
        ctx.save_for_backward(mask)
        return x.clone() if copy else x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return scaled(grads[0], mask), None, None


def scale_gradient(x: Tensor, mask: Tensor, *, copy: bool = False) -> Tensor:
    """Return `x` itself, bit for bit, whose gradient is multiplied by `mask`.

    Args:
        x: Any tensor.
        mask: Factors from `align`, any real numbers; they are converted to the gradient's dtype.
        copy: Return a copy instead of a view, so that later operations may change it in place.
    """
    same: Tensor = _ScaleGradient.apply(x, mask, copy)  # type: ignore[no-untyped-call]  # torch stubs
    return same


def scaled(x: Tensor, mask: Tensor) -> Tensor:
    """Compute `mask ⊙ x` for a mask that `align` has made for this shape."""
    mask, shape = mask.to(x.dtype), x.shape
    if mask.dim() > x.dim():
        shape = torch.Size((*shape[:-1], mask.shape[-2], shape[-1] // mask.shape[-2]))
    product = scratch.like(x)
    if product is None:
        return (x.view(shape) * mask).reshape(x.shape)
    torch.mul(x.view(shape), mask, out=product.view(shape))
    return product


def align(mask: Tensor, shape: Sequence[int], axis: int, where: str) -> Tensor:
    """Insert axes of length 1 into a mask, so that `scaled` applies it to a tensor of this shape.

    For runs of units on the last axis one more axis is inserted, and `scaled` views the tensor as
    `[*L, …, runs, units of a run]`: so the mask need not be as large as the tensor.

    Args:
        mask: `[*L, runs]`, where `L` is the labels' shape (`[B]`, or `[B, T]` of tokens). The units
            are cut into runs of equal length, each with one factor: as many runs as units, or one.
        shape: `[*L, …]` with the units on `axis`.
        axis: Axis of the units, behind those of the labels.
        where: What has this shape, for messages.

    Raises:
        RoutingError: The tensor is another batch than that of the labels.
    """
    labels, runs = mask.shape[:-1], mask.shape[-1]
    count, dims = len(labels), len(shape)
    if tuple(shape[:count]) != labels:
        raise RoutingError(
            f"{where} is a batch of {list(shape[:count])}, the labels in use are for "
            f"{list(labels)}; use the labels of this batch, or clear them, or disable gradients"
        )
    axis = axis % dims
    if axis < count:
        raise RoutingError(f"{where} has shape {list(shape)}: axis {axis} has examples, not units")
    before, after = (1,) * (axis - count), (1,) * (dims - axis - 1)
    if 1 < runs < shape[axis]:
        if not after:
            return mask.view(*labels, *before, runs, 1)
        mask = mask.repeat_interleave(shape[axis] // runs, -1)
    return mask.view(*labels, *before, mask.shape[-1], *after)
