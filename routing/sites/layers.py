"""Read a layer's units off its type and attributes: their number, axis and weights."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Side = Literal["output", "input"]
"""Side of a module: what it returns (`output`), or its positional arguments (`input`)."""

_WIDTHS = (
    (nn.Linear, "in_features", "out_features"),
    (nn.modules.conv._ConvNd, "in_channels", "out_channels"),
    (nn.modules.batchnorm._NormBase, "num_features", "num_features"),
    (nn.GroupNorm, "num_channels", "num_channels"),
    (nn.MultiheadAttention, "embed_dim", "embed_dim"),
)
"""Types of layers, with their attributes for the numbers of input and output units."""
_UNITS_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.MultiheadAttention)


class Widths(NamedTuple):
    """Numbers of input and output units of a layer."""

    input: int
    output: int


def widths(module: nn.Module) -> Widths | None:
    """Return a layer's numbers of units; None for a module that has none."""
    for kind, reads, makes in _WIDTHS:
        if isinstance(module, kind):
            return Widths(getattr(module, reads), getattr(module, makes))
    if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1:
        return Widths(module.normalized_shape[-1], module.normalized_shape[-1])
    if is_transposed_linear(module):
        return Widths(*module.get_parameter("weight").shape)
    return None


def axis_of(module: nn.Module) -> int | None:
    """Return the axis of a layer's units; None for a module whose type does not say it.

    For Linear, Embedding, attention, GPT-2's `Conv1D`, and LayerNorm and RMSNorm over one axis it
    is the last. For convolutions it is the axis before the spatial ones. For batch, instance and
    group norm it is axis 1. It is unknown for activation functions, containers and others.
    """
    if isinstance(module, nn.modules.conv._ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm):
        return 1
    one_axis = isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1
    last = isinstance(module, _UNITS_LAST) or is_transposed_linear(module)
    return -1 if one_axis or last else None


def innermost(model: nn.Module, module: str, side: Side) -> str:
    """Return the name of the innermost module with the same output (or input, as `side` says).

    The output of an `nn.Sequential` is that of its last child, and its input that of its first.
    """
    while type(sequential := model.get_submodule(module)) is nn.Sequential and len(sequential):
        children = [name for name, _ in sequential.named_children()]
        module = f"{module}.{children[-1 if side == 'output' else 0]}".lstrip(".")
    return module


def counts_units(module: nn.Module, axis: int) -> bool:
    """Return whether `widths` counts the units on this axis of a layer's input and output.

    Axis 1 of a Linear is its last axis if its input is `[B, F]`; other inputs are refused when the
    network runs.
    """
    own = axis_of(module)
    return widths(module) is not None and own is not None and axis in (1, own)


def has_exact_gradient(module: nn.Module) -> bool:
    """Return whether the gradient of this module's weight can be scaled per example.

    It can for a Linear or Conv2d whose weight is a parameter and not computed (`weight_norm`).
    """
    weight = module._parameters.get("weight")
    return isinstance(module, nn.Linear | nn.Conv2d) and weight is not None


def is_transposed_linear(module: nn.Module) -> bool:
    """Return whether this is a `Conv1D` of GPT-2, a linear layer whose weight is `[in, out]`."""
    return type(module).__name__ == "Conv1D" and isinstance(getattr(module, "nf", None), int)


def row_mask(units: Tensor, shape: torch.Size) -> Tensor:
    """Expand a mask `[n]` of units to a shape `[n, …]` that has the units on its first axis."""
    return units.view(-1, *[1] * (len(shape) - 1)).expand(shape)


def column_mask(units: Tensor, shape: torch.Size) -> Tensor:
    """Expand a mask of units to the shape `[m, units / groups, …]` of a weight with groups.

    The first `m / groups` rows belong to the first group of units, and so on. This is how columns
    of a convolution read its input channels, and those of a transposed one compute its outputs.

    Args:
        units: Bools `[units]`.
        shape: Shape of the weight.
    """
    groups = len(units) // shape[1]
    by_row = units.view(groups, 1, shape[1]).expand(groups, shape[0] // groups, shape[1])
    return by_row.reshape(*shape[:2], *[1] * (len(shape) - 2)).expand(shape)
