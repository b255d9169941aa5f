"""The basic operation of routing: identity forward, gradient scaled per example and unit."""

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
        # Saving the mask keeps it after the labels are cleared. With activation checkpointing it
        # also makes labels that are gone when the forward runs again an error.
        ctx.save_for_backward(mask)
        return x.clone() if copy else x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return scaled(grads[0], mask), None, None


def scale_gradient(x: Tensor, mask: Tensor, *, copy: bool = False) -> Tensor:
    """Return `x`, bit for bit; multiply its gradient by `mask`.

    Args:
        x: Any tensor.
        mask: Factors, any real numbers, from `align`; they are converted to the gradient's dtype.
        copy: Return a copy instead of a view, so that later operations may change it in place.
    """
    same: Tensor = _ScaleGradient.apply(x, mask, copy)  # type: ignore[no-untyped-call]  # torch stubs
    return same


def scaled(x: Tensor, mask: Tensor) -> Tensor:
    """Compute `mask ⊙ x` with a mask that `align` returned for the shape of `x`."""
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
    `[*L, …, runs, units of a run]`. So the mask need not be as large as the tensor.

    Args:
        mask: Factors `[*L, runs]`, where L is the labels' shape (`[B]`, or `[B, T]` of tokens).
            Units are divided into runs of equal length, each with one factor.
        shape: Shape `[*L, …]` of the tensor, with the units on `axis`.
        axis: Axis of the units, after those of the labels.
        where: Name of the tensor, for messages.

    Raises:
        RoutingError: If the tensor's batch is not that of the labels, or `axis` is an axis of it.
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
