"""The axis of an activation that has the units: known from the layer, or given by the caller."""

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
    """The module whose activation is being edited."""

    name: str
    axis: int | None
    """Axis of its units; None if the layer's type does not say it."""


_source: ContextVar[_Source | None] = ContextVar("source", default=None)


@contextlib.contextmanager
def units_of(name: str, module: nn.Module) -> Iterator[None]:
    """Within the context, edits use the axis of units of this module's output."""
    token = _source.set(_Source(name, axis_of_layer(module)))
    try:
        yield
    finally:
        _source.reset(token)


def axis_of_layer(module: nn.Module) -> int | None:
    """Return the axis of a layer's units in its output, or None if its type does not say it.

    It is the last axis of Linear, Embedding, LayerNorm and RMSNorm of one axis, attention and
    Hugging Face's `Conv1D`; the one before the places of convolutions; axis 1 of batch, instance
    and group norm. It is unknown for activation functions, containers and the like.
    """
    if type(module) is nn.Sequential and len(module):
        return axis_of_layer(module[-1])
    if isinstance(module, nn.modules.conv._ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, _ON_FIRST):
        return 1
    one_axis = isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1
    named = type(module).__name__ == "Conv1D" and hasattr(module, "nf")
    return -1 if one_axis or named or isinstance(module, _ON_LAST) else None


def units_axis(values: Tensor, axis: int | None) -> int:
    """Return the axis of an activation that has the units, counted from the front.

    Args:
        values: The activation `[B, …]`.
        axis: The axis that the caller gives. None means that of the layer; if the layer's type does
            not say it, axis 1 of `[B, C]` and of images `[B, C, H, W]`.

    Raises:
        ConfigError: If the axis is unknown, or the activation has no such axis of units.
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
