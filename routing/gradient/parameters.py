"""Route the gradient of parameters exactly: scale the gradient of a weight per example.

The gradient of a weight is a sum of one outer product per example (and position), `Σ_b δ_b x_bᵀ`.
With factors `r` of its rows (output units) and `c` of its columns (input units) it becomes
`Σ_b (r_b ⊙ δ_b) (c_b ⊙ x_b)ᵀ`, and the bias's `Σ_b r_b ⊙ δ_b`. The gradient of the input is
computed from the unscaled `δ`. So a batch may hold any mixture of labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from chisel.routing.errors import RoutingError
from chisel.routing.gradient.hooks import InUse, RoutedForward
from chisel.routing.gradient.mask import align, scaled


class Scales(NamedTuple):
    """Factors of a layer's rows and columns for the current batch; None scales nothing."""

    rows: Tensor | None
    """Factors `[*L, runs]` of output units; see `align`."""
    columns: Tensor | None
    """Factors `[*L, runs]` of input units."""


class _ScaleParameterGradients(torch.autograd.Function):
    """A Linear (a Conv2d if `geometry` is given) whose rows and columns are scaled backward."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        rows: Tensor | None,
        columns: Tensor | None,
        geometry: tuple[Any, ...] | None,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, rows, columns)
        ctx.geometry = geometry
        if geometry is None:
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, *geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, rows, columns = ctx.saved_tensors
        for_x, *for_parameters = ctx.needs_input_grad[:3]
        grad_x = _gradients(delta, x, weight, ctx.geometry, [for_x, False, False])[0]
        made, read = _scaled(delta, rows), _scaled(x, columns)
        _, *grads = _gradients(made, read, weight, ctx.geometry, [False, *for_parameters])
        return grad_x, *grads, None, None, None


def _gradients(
    delta: Tensor, x: Tensor, weight: Tensor, geometry: tuple[Any, ...] | None, wanted: list[bool]
) -> tuple[Tensor | None, ...]:
    """Return a layer's gradients: of its input only, or of its weight and bias, as `wanted`."""
    if not any(wanted):
        return None, None, None
    if geometry is None:
        if wanted[0]:
            return delta @ weight, None, None
        flat = delta.flatten(0, -2)
        grad_weight = flat.t() @ x.flatten(0, -2) if wanted[1] else None
        return None, grad_weight, flat.sum(0) if wanted[2] else None
    *window, groups = geometry
    found: tuple[Tensor | None, ...] = torch.ops.aten.convolution_backward(
        delta, x, weight, [weight.shape[0]], *window, False, [0, 0], groups, wanted
    )
    return found


def _scaled(tensor: Tensor, scale: Tensor | None) -> Tensor:
    return tensor if scale is None else scaled(tensor, scale)


def linear(layer: nn.Linear, x: Tensor, scales: Scales, what: str) -> Tensor:
    """Compute `layer(x)`, bit for bit, with a scaled gradient of weight and bias.

    Args:
        layer: The layer.
        x: Its input `[*L, …, F]`, where L is the labels' shape.
        scales: Factors of the layer's rows and columns.
        what: Name of the layer, for messages.

    Raises:
        RoutingError: If the batch of `x` is not that of the labels.
    """
    aligned = _aligned(scales, layer.out_features, x, -1, f"the input of {what}")
    return _computed(layer, x, aligned, None)


def conv2d(layer: nn.Conv2d, x: Tensor, scales: Scales, what: str) -> Tensor:
    """Compute `layer(x)`, bit for bit, with a scaled gradient of weight and bias.

    Args:
        layer: The layer.
        x: Its input `[B, C, H, W]`.
        scales: Factors of the layer's rows and columns.
        what: Name of the layer, for messages.

    Raises:
        RoutingError: If the batch of `x` is not that of the labels, or `x` has no batch axis.
    """
    if x.dim() != 4:
        raise RoutingError(f"the input of {what} has shape {list(x.shape)}, not [B, C, H, W]")
    aligned = _aligned(scales, layer.out_channels, x, 1, f"the input of {what}")
    padding = _padding(layer)
    if layer.padding_mode != "zeros":
        around = layer._reversed_padding_repeated_twice
        x, padding = F.pad(x, around, mode=layer.padding_mode), (0, 0)
    return _computed(layer, x, aligned, (layer.stride, padding, layer.dilation, layer.groups))


def _computed(
    layer: nn.Linear | nn.Conv2d, x: Tensor, aligned: Scales, geometry: tuple[Any, ...] | None
) -> Tensor:
    tensors = _as_autocast(x, layer.weight, layer.bias)
    output: Tensor = _ScaleParameterGradients.apply(*tensors, *aligned, geometry)  # type: ignore[no-untyped-call]  # torch stubs
    return output


def _aligned(scales: Scales, made: int, x: Tensor, axis: int, what: str) -> Scales:
    """Align the factors of rows to an output of `made` units, and those of columns to `x`."""
    output = list(x.shape)
    output[axis] = made
    rows, columns = scales
    return Scales(
        None if rows is None else align(rows, output, axis, what),
        None if columns is None else align(columns, x.shape, axis, what),
    )


def _padding(layer: nn.Conv2d) -> tuple[int, ...]:
    if isinstance(layer.padding, tuple):
        return layer.padding
    if layer.padding == "valid":
        return (0, 0)
    return tuple(d * (k - 1) // 2 for d, k in zip(layer.dilation, layer.kernel_size, strict=True))


def _as_autocast(*tensors: Tensor | None) -> list[Tensor | None]:
    """Convert a layer's tensors as autocast would, but so that autograd records it."""
    assert tensors[0] is not None
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return list(tensors)
    dtype = torch.get_autocast_dtype(device)
    return [t if t is None or t.dtype == torch.float64 else t.to(dtype) for t in tensors]


def replace_forward(
    layer: nn.Module, name: str, scales: Callable[[], Scales], in_use: InUse
) -> None:
    """Replace a layer's forward by one whose gradient is scaled while labels are in use.

    Args:
        layer: A Linear or Conv2d.
        name: Name of the layer, for messages.
        scales: Function that returns the factors for the current batch.
        in_use: Function that returns whether labels are in use.

    Raises:
        RoutingError: If the layer has another forward than Linear and Conv2d, is routed already, or
            has `padding="same"` with an even kernel.
    """
    forward = _ForwardOf.get(type(layer).forward)
    if "forward" in layer.__dict__:
        raise RoutingError(
            f"the parameters of {name} are routed already; detach the other router first"
        )
    if forward is None:
        raise RoutingError(
            f"{name} ({type(layer).__name__}) is not a plain Linear or Conv2d, so its parameters "
            "cannot be routed; route its output"
        )
    if isinstance(layer, nn.Conv2d) and layer.padding == "same" and layer.padding_mode == "zeros":
        spans = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        if any(span % 2 for span in spans):
            raise RoutingError(
                f"{name} has padding='same' with an even kernel, which cannot be routed; give "
                "padding as numbers"
            )

    def routed(layer: Any, input: Tensor) -> Tensor:
        return forward(layer, input, scales(), name)

    layer.__dict__["forward"] = RoutedForward(layer, routed, in_use)


_ForwardOf: dict[Any, Callable[[Any, Tensor, Scales, str], Tensor]] = {
    nn.Linear.forward: linear,
    nn.Conv2d.forward: conv2d,
}
