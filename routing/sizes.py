"""How many units a module's output or input has, told from the model or from one example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from routing.errors import RoutingError

_REARRANGING = (nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle)

Shapes = Mapping[tuple[str, str], torch.Size]


class Widths(NamedTuple):
    """Units that go into a layer and that come out of it."""

    input: int
    output: int


def widths(module: nn.Module) -> Widths | None:
    """What a layer says about itself; None for a module without such a number."""
    if isinstance(module, nn.Linear):
        return Widths(module.in_features, module.out_features)
    if isinstance(module, nn.modules.conv._ConvNd):
        return Widths(module.in_channels, module.out_channels)
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return Widths(module.num_features, module.num_features)
    if isinstance(module, nn.GroupNorm):
        return Widths(module.num_channels, module.num_channels)
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        return Widths(module.normalized_shape[-1], module.normalized_shape[-1])
    return None


def counts_units(module: nn.Module, axis: int) -> bool:
    """Whether a layer's units are on this axis of its input and output; `widths` is their number.

    A Linear's axis 1 is taken for the last one: its data are `[B, F]` unless -1 is said.
    """
    if isinstance(module, nn.modules.conv._ConvNd):
        return axis in (1, -1 - len(module.kernel_size))
    if isinstance(module, nn.Linear | nn.LayerNorm):
        return axis in (1, -1)
    return widths(module) is not None and axis == 1


def probe(model: nn.Module, example: Any) -> Shapes:
    """Shapes of every module's output and first input, by `(name, "output" or "input")`.

    One forward pass without gradient and in evaluation mode, so that running statistics and the
    modules' modes are left as they were.

    Args:
        model: Any network.
        example: Its input, or a tuple of its inputs.
    """
    shapes: dict[tuple[str, str], torch.Size] = {}
    modes = {module: module.training for module in model.modules()}
    handles = [
        module.register_forward_hook(_recorder(shapes, name))
        for name, module in model.named_modules()
    ]
    try:
        model.eval()
        with torch.no_grad():
            model(*(example if isinstance(example, tuple) else (example,)))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return shapes


def _recorder(shapes: dict[tuple[str, str], torch.Size], name: str) -> Any:
    def record(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if args and isinstance(args[0], Tensor):
            shapes[name, "input"] = args[0].shape
        if isinstance(output, Tensor):
            shapes[name, "output"] = output.shape

    return record


def unit_count(
    model: nn.Module,
    name: str,
    at: Literal["input", "output"],
    axis: int,
    shapes: Shapes | None = None,
) -> int:
    """How many units there are at a module's output or input.

    Where `shapes` doesn't tell, a layer's own numbers do, and for a module that has none (an
    activation, a sum, a container) the nearest layer before it in order of registration; what is
    said of such a module is verified when data first passes it.

    Raises:
        RoutingError: Nothing tells.
    """
    if shapes is not None:
        shape = shapes.get((name, at))
        if shape is None:
            raise RoutingError(f"the {at} of {name} is no tensor, or the example never passes it")
        if not -len(shape) < axis < len(shape):
            raise RoutingError(f"the {at} of {name} has shape {list(shape)}, no axis {axis}")
        return shape[axis]
    module = model.get_submodule(name)
    own = widths(module)
    if own is None:
        found = _from_neighbours(model, name, at)
    else:
        found = getattr(own, at) if counts_units(module, axis) else None
    if found is None:
        raise RoutingError(
            f"nothing tells how many units the {at} of {name} has on axis {axis}; give attach an "
            "`example` input"
        )
    return found


def _from_neighbours(model: nn.Module, name: str, at: str) -> int | None:
    """The size that the layers before (after, behind a rearrangement) have."""
    leaves = [(n, m) for n, m in model.named_modules() if not any(m.children())]
    inside = [i for i, (n, _) in enumerate(leaves) if n == name or n.startswith(f"{name}.")]
    if not inside:
        return None
    if at == "input":
        entered = widths(leaves[inside[0]][1])
        if entered is not None:
            return entered.input
    last = inside[-1] if at == "output" else inside[0] - 1
    for _, leaf in reversed(leaves[: last + 1]):
        if isinstance(leaf, _REARRANGING):
            break
        own = widths(leaf)
        if own is not None:
            return own.output
    following = (widths(leaf) for _, leaf in leaves[last + 1 :])
    return next((own.input for own in following if own is not None), None)
