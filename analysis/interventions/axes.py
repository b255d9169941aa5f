"""On which axis of an activation the units are: what the layer says, or what the caller does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

from torch import Tensor, nn

from chisel.configs import ConfigError

_ON_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.MultiheadAttention)
_ON_FIRST = (nn.modules.batchnorm._NormBase, nn.GroupNorm)


class _Source(NamedTuple):
    """Whose activation is being edited, and the axis that it tells."""

    name: str
    axis: int | None


_source: ContextVar[_Source | None] = ContextVar("source", default=None)


@contextlib.contextmanager
def units_of(name: str, module: nn.Module) -> Iterator[None]:
    """Within the context, edits find units where this module's output has them."""
    token = _source.set(_Source(name, axis_told_by(module)))
    try:
        yield
    finally:
        _source.reset(token)


def axis_told_by(module: nn.Module) -> int | None:
    """The axis of a layer's units in its output; None for activations, containers and the like.

    Linear, Embedding, LayerNorm and RMSNorm of one axis, attention and Hugging Face's `Conv1D` have
    them last; convolutions before their places; batch, instance and group norm on axis 1.
    """
    if type(module) is nn.Sequential and len(module):
        return axis_told_by(module[-1])
    if isinstance(module, nn.modules.conv._ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, _ON_FIRST):
        return 1
    one_axis = isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1
    named = type(module).__name__ == "Conv1D" and hasattr(module, "nf")
    return -1 if one_axis or named or isinstance(module, _ON_LAST) else None


def units_axis(values: Tensor, axis: int | None) -> int:
    """The axis of the units of an activation, counted from the front.

    Args:
        values: `[B, …]`.
        axis: What the caller says; None is what the layer tells, else 1 where it can be no other
            (`[B, C]`) or by convention is not (images `[B, C, H, W]`).

    Raises:
        ConfigError: If nobody says it, or the activation has no such axis.
    """
    source, rank, shape = _source.get(), values.dim(), list(values.shape)
    where = f"{source.name}: " if source else ""
    if axis is None and source is not None:
        axis = source.axis
    if axis is None:
        if rank not in (2, 4):
            raise ConfigError(
                f"{where}an activation of shape {shape} has no axis of units that is known: say "
                "which, as in zero([3], axis=-1)"
            )
        return 1
    if not -rank <= axis < rank or axis % rank == 0:
        raise ConfigError(
            f"{where}axis {axis} of an activation of shape {shape} has no units; axis 0 has the "
            "examples"
        )
    return axis % rank
