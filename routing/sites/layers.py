"""What a layer itself says about its units: how many, on which axis, in which weights."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Side = Literal["output", "input"]
"""Whether something is in what a module returns, or in what it reads."""

_WIDTHS = (
    (nn.Linear, "in_features", "out_features"),
    (nn.modules.conv._ConvNd, "in_channels", "out_channels"),
    (nn.modules.batchnorm._NormBase, "num_features", "num_features"),
    (nn.GroupNorm, "num_channels", "num_channels"),
    (nn.MultiheadAttention, "embed_dim", "embed_dim"),
)
"""Types of layers, with the attributes that hold the numbers of units they read and make."""
_UNITS_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.MultiheadAttention)


class Widths(NamedTuple):
    """How many units go into a layer, and how many come out of it."""

    input: int
    output: int


def widths(module: nn.Module) -> Widths | None:
    """Return a layer's numbers of units; None for a module without such numbers."""
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

    It is the last axis of Linear, Embedding, LayerNorm and RMSNorm of one axis, attention and
    GPT-2's `Conv1D`; the one before the places of convolutions; axis 1 of batch, instance and group
    norm. It is unknown for activation functions, containers and the like.
    """
    if isinstance(module, nn.modules.conv._ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm):
        return 1
    one_axis = isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1
    last = isinstance(module, _UNITS_LAST) or is_transposed_linear(module)
    return -1 if one_axis or last else None


def innermost(model: nn.Module, module: str, side: Side) -> str:
    """Return the innermost module that has the same output (input).

    The output of an `nn.Sequential` is that of its last child, and its input that of its first.
    """
    while type(sequential := model.get_submodule(module)) is nn.Sequential and len(sequential):
        children = [name for name, _ in sequential.named_children()]
        module = f"{module}.{children[-1 if side == 'output' else 0]}".lstrip(".")
    return module


def counts_units(module: nn.Module, axis: int) -> bool:
    """Whether a layer's units are on this axis of its input and output; `widths` is their number.

    Axis 1 of a Linear is the last one if its data are `[B, F]`. Other data are refused when they
    pass.
    """
    own = axis_of(module)
    return widths(module) is not None and own is not None and axis in (1, own)


def has_exact_gradient(module: nn.Module) -> bool:
    """Whether the gradient of this module's weight can be scaled per example.

    That holds for a Linear or Conv2d whose weight is a parameter and isn't computed
    (`weight_norm`).
    """
    weight = module._parameters.get("weight")
    return isinstance(module, nn.Linear | nn.Conv2d) and weight is not None


def is_transposed_linear(module: nn.Module) -> bool:
    """Whether this is a `Conv1D` as in GPT-2: a Linear whose weight is `[in, out]`."""
    return type(module).__name__ == "Conv1D" and isinstance(getattr(module, "nf", None), int)


def row_mask(units: Tensor, shape: torch.Size) -> Tensor:
    """Spread a mask `[n]` of units over a tensor `[n, …]` whose first axis counts them."""
    return units.view(-1, *[1] * (len(shape) - 1)).expand(shape)


def column_mask(units: Tensor, shape: torch.Size) -> Tensor:
    """Spread a mask of units over a weight `[m, units / groups, …]` of a layer with groups.

    The first `m / groups` rows belong to the first group of units, and so on: the columns of a
    convolution read its input channels in this way, and those of a transposed one make its outputs.

    Args:
        units: Bools `[units]`.
        shape: The weight's.
    """
    groups = len(units) // shape[1]
    by_row = units.view(groups, 1, shape[1]).expand(groups, shape[0] // groups, shape[1])
    return by_row.reshape(*shape[:2], *[1] * (len(shape) - 2)).expand(shape)
