"""How many units a module's output or input has, told from the model or from one example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from torch import nn

from chisel.routing.errors import RoutingError

if TYPE_CHECKING:
    from chisel.routing.regions.recording import Recording

_REARRANGING = (nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle)


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
    if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1:
        return Widths(module.normalized_shape[-1], module.normalized_shape[-1])
    if isinstance(module, nn.MultiheadAttention):
        return Widths(module.embed_dim, module.embed_dim)
    if is_transposed_linear(module):
        return Widths(*module.get_parameter("weight").shape)
    return None


def axis_of(module: nn.Module) -> int | None:
    """The axis on which a layer makes its units; None for a module that doesn't tell."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return -1 - len(module.kernel_size)
    if isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm):
        return 1
    last = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention)
    return -1 if isinstance(module, last) or is_transposed_linear(module) else None


def is_transposed_linear(module: nn.Module) -> bool:
    """Whether this is a `Conv1D` as in GPT-2: a Linear whose weight is `[in, out]`."""
    return type(module).__name__ == "Conv1D" and isinstance(getattr(module, "nf", None), int)


def counts_units(module: nn.Module, axis: int) -> bool:
    """Whether a layer's units are on this axis of its input and output; `widths` is their number.

    A Linear's axis 1 is the last one as long as its data are `[B, F]`, and other data are refused
    when they pass.
    """
    own = axis_of(module)
    if widths(module) is None or own is None:
        return False
    return axis in (1, own)


def unit_count(
    model: nn.Module,
    name: str,
    at: Literal["input", "output"],
    axis: int,
    recording: Recording | None = None,
) -> int:
    """How many units there are at a module's output or input.

    Where there is no recording, a layer's own numbers do, and for a module that has none (an
    activation, a sum, a container) the nearest layer before it in order of registration; what is
    said of such a module is verified when data first passes it.

    Raises:
        RoutingError: Nothing tells.
    """
    if recording is not None:
        shape = recording.shape_at(name, at)
        if shape is None:
            raise RoutingError(f"the {at} of {name} is no tensor, or the example never passes it")
        if not -len(shape) < axis < len(shape):
            raise RoutingError(f"the {at} of {name} has shape {list(shape)}, no axis {axis}")
        return shape[axis]
    module = model.get_submodule(name)
    if isinstance(module, nn.Embedding):
        found = module.embedding_dim if at == "output" and axis == -1 else None
    elif (own := widths(module)) is None:
        neighbour = neighbour_of(model, name, at)
        found = None if neighbour is None else neighbour.units
    else:
        found = getattr(own, at) if counts_units(module, axis) else None
    if found is None:
        raise RoutingError(
            f"nothing tells how many units the {at} of {name} has on axis {axis}; give attach an "
            "`example` input"
        )
    return found


class Neighbour(NamedTuple):
    """A layer whose units are those of another module, as far as the order of modules tells."""

    layer: nn.Module
    units: int


def neighbour_of(model: nn.Module, name: str, at: str) -> Neighbour | None:
    """The layer before (after, behind a rearrangement) a module that has no units of its own."""
    leaves = [(n, m) for n, m in model.named_modules() if not any(m.children())]
    inside = [i for i, (n, _) in enumerate(leaves) if n == name or n.startswith(f"{name}.")]
    if not inside:
        return None
    if at == "input":
        first = leaves[inside[0]][1]
        entered = widths(first)
        if entered is not None:
            return Neighbour(first, entered.input)
    last = inside[-1] if at == "output" else inside[0] - 1
    for _, leaf in reversed(leaves[: last + 1]):
        if isinstance(leaf, _REARRANGING):
            break
        own = widths(leaf)
        if own is not None:
            return Neighbour(leaf, own.output)
    following = ((leaf, widths(leaf)) for _, leaf in leaves[last + 1 :])
    return next((Neighbour(leaf, own.input) for leaf, own in following if own is not None), None)
