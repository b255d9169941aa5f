"""Rules for torch functions: which of their input numbers are closed, given the closed outputs.

A number is *closed* if every way from it to the model's outputs passes a mask. An input number of
an operation is closed if all output numbers that depend on it are closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from chisel.routing.regions.operations import (
    CONVOLUTIONS,
    ELEMENTWISE,
    LAYERS,
    POOLING,
    SPATIAL,
    TRANSPOSED,
    UNITS_LAST,
)
from chisel.routing.regions.recording import Op
from chisel.routing.sites.layers import column_mask, row_mask

Shapes = Sequence[torch.Size]


def closed_inputs(
    op: Op, closed: Sequence[Tensor], shapes: Shapes, *, through_layers: bool = True
) -> tuple[list[Tensor], bool]:
    """Find which numbers of each input of an operation are closed, considering this operation only.

    Args:
        op: The operation.
        closed: Bools in the shape of each output, true for closed numbers.
        shapes: Shapes of the tensors that the operation reads.
        through_layers: Whether the input of a layer is closed if all its outputs are; otherwise it
            counts as open.

    Returns:
        Bools in the shape of each tensor that the operation reads, true for closed numbers; and
        whether there is a rule for the operation. Without a rule all inputs are closed if all
        outputs are, and otherwise none.
    """
    if op.sources is not None:
        return _moved(op.sources, closed, shapes), True
    rule = _RULES.get(op.name)
    if op.name in SPATIAL and closed[0].dim() != SPATIAL[op.name] + 2:
        rule = None  # data without a batch axis
    found = None if rule is None else rule(op, closed[0], shapes)
    if found is not None and not all(bool(mask.all()) for mask in closed[1:]):
        # The other output of attention, its weights, does not come from its last projection.
        attends = op.name == "multi_head_attention_forward"
        found = _multi_head(op, closed[0], shapes, weights=False) if attends else None
    if found is None:
        everything = through_layers and all(bool(mask.all()) for mask in closed)
        return [torch.full(shape, everything) for shape in shapes], False
    if not through_layers and op.name in LAYERS:
        found[0] = torch.zeros_like(found[0])
    return found, True


def _moved(sources: Sequence[Tensor], closed: Sequence[Tensor], shapes: Shapes) -> list[Tensor]:
    """Return closed inputs of a function that only moves numbers; unused numbers are closed."""
    sizes = [shape.numel() for shape in shapes]
    everything = torch.ones(1 + sum(sizes), dtype=torch.bool)
    for source, mask in zip(sources, closed, strict=True):
        everything[source[~mask].flatten()] = False
    parts = torch.split(everything[1:], sizes)
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _elementwise(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    try:
        return [_reduced(out, shape) for shape in shapes]
    except RuntimeError:  # an argument is not broadcast to the output
        return None


def _reduced(mask: Tensor, shape: torch.Size) -> Tensor:
    """Reduce a mask to the shape of a tensor that was broadcast: closed if all copies are."""
    while mask.dim() > len(shape):
        mask = mask.all(0)
    for axis, size in enumerate(shape):
        if size == 1 and mask.shape[axis] != 1:
            mask = mask.all(axis, keepdim=True)
    return mask.view(shape)


def _by_channel(out: Tensor) -> Tensor:
    """Return the channels `[C]` that are closed everywhere, of a mask `[B, C, …]`."""
    return out.transpose(0, 1).flatten(1).all(1)


def _by_last(out: Tensor) -> Tensor:
    """Return the units `[U]` of the last axis that are closed everywhere."""
    return out.reshape(-1, out.shape[-1]).all(0)


def _rows(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor]:
    """Close rows of weight and bias by unit, and the input as a whole if all units are closed.

    This holds for Linear, and for each group of a convolution or group norm, whose channels mix.
    """
    if op.name in UNITS_LAST:
        units = _by_last(out)
        data = torch.full(shapes[0], bool(units.all()))
    else:
        units = _by_channel(out)
        if op.name == "group_norm":
            groups = next(option for option in op.options if type(option) is int)
        else:
            groups = shapes[0][1] // shapes[1][1]  # the weight is [out, in / groups, …]
        data = _by_group(units, groups, shapes[0])
    return [data, *(row_mask(units, shape) for shape in shapes[1:])]


def _by_group(units: Tensor, groups: int, shape: torch.Size) -> Tensor:
    """Close the input `[B, channels, …]` of a layer in those groups whose units are all closed."""
    by_group = units.view(groups, -1).all(1)
    channels = by_group.repeat_interleave(shape[1] // groups)
    return row_mask(channels, shape[1:]).expand(shape)


def _transposed(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor]:
    """Handle transposed convolutions, whose weight is `[in, out / groups, …]`."""
    units = _by_channel(out)
    data = _by_group(units, len(units) // shapes[1][1], shapes[0])
    bias = (row_mask(units, shape) for shape in shapes[2:])
    return [data, column_mask(units, shapes[1]), *bias]


def _by_single_channel(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor]:
    """Handle pooling and batch norm, which may mix examples but not channels."""
    channels = _by_channel(out)
    data = row_mask(channels, shapes[0][1:]).expand(shapes[0])
    return [data, *(row_mask(channels, shape) for shape in shapes[1:])]


def _embedding(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor]:
    return [torch.ones(shapes[0], dtype=torch.bool), _by_last(out).expand(shapes[1])]


def _layer_norm(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor]:
    """Close gain and bias by unit, and the input as a whole, because statistics mix its units."""
    whole = torch.full(shapes[0], bool(out.all()))
    return [whole, *(_reduced(out, shape) for shape in shapes[1:])]


def _product(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """Handle `a @ b`: a row of the product depends on a row of `a`, a column on a column of `b`."""
    if len(shapes) != 2 or len(shapes[0]) < 2 or len(shapes[1]) < 2:
        return None
    (*_, n, k), (*_, m) = shapes
    left = out.all(-1, keepdim=True).expand(*out.shape[:-2], n, k)
    right = out.all(-2, keepdim=True).expand(*out.shape[:-2], k, m)
    return [_reduced(left, shapes[0]), _reduced(right, shapes[1])]


def _sum_and_product(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """Handle `c + a @ b`."""
    product = _product(op, out, shapes[1:])
    return None if product is None else [_reduced(out, shapes[0]), *product]


def _einsum(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """Handle a sum of products over named axes: close a number if all results that use it are.

    Equations with an ellipsis, a repeated axis or no result have no rule here.
    """
    given = [option for option in op.options if isinstance(option, str)]
    factors, arrow, made = given[0].replace(" ", "").partition("->") if given else ("", "", "")
    names = factors.split(",")
    plain = bool(arrow) and "." not in factors + made
    if not plain or len(names) != len(shapes) or any(len(set(n)) < len(n) for n in names):
        return None
    found = []
    for axes, shape in zip(names, shapes, strict=True):
        mask, left = out, [name for name in made if name in axes]
        for axis in reversed([n for n, name in enumerate(made) if name not in axes]):
            mask = mask.all(axis)
        mask = mask.permute([left.index(name) for name in axes if name in left])
        lengths = [size if name in left else 1 for name, size in zip(axes, shape, strict=True)]
        found.append(mask.reshape(lengths).expand(shape))
    return found


def _attention(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """Handle `softmax(q kᵀ) v` with heads on the third axis from the end.

    With fewer heads of keys and values, each of these serves several heads of queries.
    """
    if len(shapes) != 3 or shapes[0][:-2] != out.shape[:-2] or shapes[1][:-2] != shapes[2][:-2]:
        return None
    of_keys, units = out.all(-1, keepdim=True).all(-2, keepdim=True), out.all(-2, keepdim=True)
    queries = of_keys.expand(shapes[0])
    if shapes[1][:-2] != out.shape[:-2]:
        if out.dim() < 3 or shapes[1][:-3] != out.shape[:-3] or out.shape[-3] % shapes[1][-3]:
            return None
        of_keys, units = (
            one.reshape(*shapes[1][:-2], -1, *one.shape[-2:]).all(-3) for one in (of_keys, units)
        )
    return [queries, of_keys.expand(shapes[1]), units.expand(shapes[2])]


def _softmax(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    axis = next((one for one in op.options if type(one) is int), None)
    if axis is None or len(shapes) != 1:
        return None
    return [out.all(axis, keepdim=True).expand(shapes[0])]


def _multi_head(op: Op, out: Tensor, shapes: Shapes, weights: bool = True) -> list[Tensor]:
    """Handle `nn.MultiheadAttention`: close rows of the last projection, and all else as a whole.

    Args:
        op: The operation.
        out: Closed numbers of its output.
        shapes: Shapes of its inputs.
        weights: Whether the attention weights that it returns are closed too.
    """
    rows = _by_last(out)
    found = [torch.full(shape, weights and bool(rows.all())) for shape in shapes]
    square = [n for n, shape in enumerate(shapes) if shape == (len(rows), len(rows))]
    if len(square) == 1:  # otherwise it may be another projection, or the data
        last = square[0]
        found[last] = row_mask(rows, shapes[last])
        if last + 1 < len(shapes) and shapes[last + 1] == (len(rows),):
            found[last + 1] = rows
    return found


def _weight_norm(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """Handle `g v / ‖v‖` with a norm for each row."""
    if op.options and op.options[-1] != 0:
        return None
    rows = out.flatten(1).all(1)
    return [row_mask(rows, shape) for shape in shapes]


_RULES: dict[str, Callable[[Op, Tensor, Shapes], list[Tensor] | None]] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys((*POOLING, "batch_norm", "instance_norm"), _by_single_channel),
    **dict.fromkeys(("linear", *CONVOLUTIONS, "group_norm"), _rows),
    **dict.fromkeys(TRANSPOSED, _transposed),
    **dict.fromkeys(("matmul", "bmm", "mm"), _product),
    **dict.fromkeys(("addmm", "baddbmm"), _sum_and_product),
    **dict.fromkeys(("layer_norm", "rms_norm"), _layer_norm),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "einsum": _einsum,
    "embedding": _embedding,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
    "weight_norm": _weight_norm,
}
