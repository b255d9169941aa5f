"""What one operation says of its inputs, once it is known which of its outputs are closed off.

A number is closed off if every way from it to the model's outputs passes a mask. It is, as far as
an operation is concerned, if all the numbers that the operation makes of it are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from chisel.routing.regions.recording import Op

Shapes = Sequence[torch.Size]

ELEMENTWISE = frozenset(
    {
        *("add", "sub", "rsub", "radd", "mul", "rmul", "div", "truediv", "rtruediv"),
        *("true_divide", "neg", "abs", "square", "pow", "rpow", "sqrt", "rsqrt", "exp"),
        *("log", "log1p", "expm1", "sin", "cos", "erf", "sigmoid", "tanh", "relu", "relu6"),
        *("leaky_relu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus"),
        *("softsign", "hardtanh", "hardsigmoid", "hardswish", "logsigmoid", "tanhshrink"),
        *("threshold", "rrelu", "dropout", "dropout1d", "dropout2d", "dropout3d"),
        *("feature_dropout", "alpha_dropout", "feature_alpha_dropout", "where", "lerp"),
        *("clamp", "clip", "clamp_min", "clamp_max", "maximum", "minimum", "masked_fill"),
        *("nan_to_num", "addcmul", "addcdiv", "reciprocal", "clone", "contiguous", "to"),
        *("float", "double", "half", "bfloat16", "type", "type_as", "iadd", "isub", "imul"),
        *("itruediv", "tril", "triu", "requires_grad", "round", "floor", "ceil"),
    }
)
"""Functions that make each number of the numbers at the same place, broadcasting."""

POOLING = {f"{kind}_pool{d}d": d for kind in ("max", "avg", "lp") for d in (1, 2, 3)} | {
    f"adaptive_{kind}_pool{d}d": d for kind in ("max", "avg") for d in (1, 2, 3)
}
"""Functions of single channels, with their spatial dimensions."""
CONVOLUTIONS = {f"conv{d}d": d for d in (1, 2, 3)}
TRANSPOSED = {f"conv_transpose{d}d": d for d in (1, 2, 3)}
NORMS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")
LAYERS = frozenset({"linear", "addmm", "embedding", *CONVOLUTIONS, *TRANSPOSED, *NORMS})


def closed_inputs(
    op: Op, closed: Sequence[Tensor], shapes: Shapes, *, through_layers: bool = True
) -> list[Tensor]:
    """Say which numbers of each tensor that an operation reads it leaves closed off.

    Args:
        op: The operation.
        closed: For each of its outputs, a mask (bool, in its shape).
        shapes: Of the tensors that it reads.
        through_layers: Whether what goes into a layer is closed off with all that comes out; else
            the layer's input counts as open.

    Returns:
        For each tensor that it reads, a mask in its shape. An operation that is not known leaves
        all closed off or nothing.
    """
    if op.sources is not None:
        return _moved(op.sources, closed, shapes)
    rule = _RULES.get(op.name)
    found = None if rule is None else rule(op, closed[0], shapes)
    if found is None:
        everything = through_layers and all(bool(mask.all()) for mask in closed)
        return [torch.full(shape, everything) for shape in shapes]
    if not through_layers and op.name in LAYERS:
        found[0] = torch.zeros_like(found[0])
    return found


def _moved(sources: Sequence[Tensor], closed: Sequence[Tensor], shapes: Shapes) -> list[Tensor]:
    """Of numbers that are only moved; one that goes nowhere is closed off."""
    sizes = [shape.numel() for shape in shapes]
    everything = torch.ones(1 + sum(sizes), dtype=torch.bool)
    for source, mask in zip(sources, closed, strict=True):
        everything[source[~mask].flatten()] = False
    parts = torch.split(everything[1:], sizes)
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _elementwise(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    try:
        return [_reduced(out, shape) for shape in shapes]
    except RuntimeError:  # it did not broadcast after all
        return None


def _reduced(mask: Tensor, shape: torch.Size) -> Tensor:
    """The mask of a tensor that was broadcast: closed off where all its copies are."""
    while mask.dim() > len(shape):
        mask = mask.all(0)
    for axis, size in enumerate(shape):
        if size == 1 and mask.shape[axis] != 1:
            mask = mask.all(axis, keepdim=True)
    return mask.view(shape)


def _by_channel(out: Tensor) -> Tensor:
    """Channels `[C]` that are closed off everywhere."""
    return out.transpose(0, 1).flatten(1).all(1)


def _by_last(out: Tensor) -> Tensor:
    """Units `[U]` of the last axis that are closed off everywhere."""
    return out.reshape(-1, out.shape[-1]).all(0)


def _along(units: Tensor, shape: torch.Size, axis: int) -> Tensor:
    """A mask in this shape from one by unit."""
    view = [1] * len(shape)
    view[axis] = -1
    return units.view(view).expand(shape)


def _pooling(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    if out.dim() != POOLING[op.name] + 2:
        return None
    return [_along(_by_channel(out), shapes[0], 1)]


def _last_axis(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """`linear`: rows of weight and bias; its input only as a whole."""
    rows = _by_last(out)
    return [torch.full(shapes[0], bool(rows.all())), *(_along(rows, s, 0) for s in shapes[1:])]


def _convolution(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    if out.dim() != CONVOLUTIONS[op.name] + 2:
        return None
    rows = _by_channel(out)
    return [torch.full(shapes[0], bool(rows.all())), *(_along(rows, s, 0) for s in shapes[1:])]


def _transposed(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """The weight is `[in, out / groups, …]`, the rows of a group side by side."""
    if out.dim() != TRANSPOSED[op.name] + 2:
        return None
    rows, weight = _by_channel(out), shapes[1]
    groups = len(rows) // weight[1]
    by_group = rows.view(groups, 1, weight[1]).expand(groups, weight[0] // groups, weight[1])
    ends = [1] * (len(weight) - 2)
    mask = by_group.reshape(weight[0], weight[1], *ends).expand(weight)
    return [
        torch.full(shapes[0], bool(rows.all())),
        mask,
        *(_along(rows, s, 0) for s in shapes[2:]),
    ]


def _embedding(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    columns = _by_last(out)
    return [torch.ones(shapes[0], dtype=torch.bool), _along(columns, shapes[1], 1)]


def _layer_norm(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """Gain and bias act on single units, the statistics on all."""
    first = [torch.full(shapes[0], bool(out.all()))]
    return first + [_reduced(out, shape) for shape in shapes[1:]]


def _group_norm(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    if out.dim() < 2:
        return None
    channels = _by_channel(out)
    return [torch.full(shapes[0], bool(out.all())), *(_along(channels, s, 0) for s in shapes[1:])]


def _batch_norm(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """Examples are mixed and channels are not."""
    if out.dim() < 2:
        return None
    channels = _by_channel(out)
    return [_along(channels, s, 1 if n == 0 else 0) for n, s in enumerate(shapes)]


def _product(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """`a @ b`: a row of `a` makes a row of the product, a column of `b` a column."""
    if len(shapes) != 2 or len(shapes[0]) < 2 or len(shapes[1]) < 2:
        return None
    (*_, n, k), (*_, m) = shapes
    left = out.all(-1, keepdim=True).expand(*out.shape[:-2], n, k)
    right = out.all(-2, keepdim=True).expand(*out.shape[:-2], k, m)
    return [_reduced(left, shapes[0]), _reduced(right, shapes[1])]


def _reversed_product(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """`b.__rmatmul__(a)`."""
    found = _product(op, out, shapes[::-1])
    return None if found is None else found[::-1]


def _sum_and_product(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """`c + a @ b`."""
    product = _product(op, out, shapes[1:])
    return None if product is None else [_reduced(out, shapes[0]), *product]


def _attention(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """`softmax(q kᵀ) v` with heads on the axes before the last two."""
    leading = {shape[:-2] for shape in shapes[:3]} | {out.shape[:-2]}
    if len(shapes) != 3 or len(leading) != 1:
        return None
    by_head = out.all(-1, keepdim=True).all(-2, keepdim=True)
    values = out.all(-2, keepdim=True).expand(shapes[2])
    return [by_head.expand(shapes[0]), by_head.expand(shapes[1]), values]


def _softmax(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    axis = next((one for one in op.options if type(one) is int), None)
    if axis is None or len(shapes) != 1:
        return None
    return [out.all(axis, keepdim=True).expand(shapes[0])]


def _multi_head(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """`nn.MultiheadAttention`: rows of the last projection; the rest as a whole."""
    rows = _by_last(out)
    found = [torch.full(shape, bool(rows.all())) for shape in shapes]
    square = [n for n, shape in enumerate(shapes) if shape == (len(rows), len(rows))]
    if len(square) == 1:  # else it may be another projection, or the data
        last = square[0]
        found[last] = _along(rows, shapes[last], 0)
        if last + 1 < len(shapes) and shapes[last + 1] == (len(rows),):
            found[last + 1] = rows
    return found


def _weight_norm(op: Op, out: Tensor, shapes: Shapes) -> list[Tensor] | None:
    """`g v / ‖v‖` with a norm for each row."""
    if op.options and op.options[-1] != 0:
        return None
    rows = out.flatten(1).all(1)
    return [_along(rows, shape, 0) for shape in shapes]


_RULES: dict[str, Callable[[Op, Tensor, Shapes], list[Tensor] | None]] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(POOLING, _pooling),
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(TRANSPOSED, _transposed),
    **dict.fromkeys(("matmul", "bmm", "mm"), _product),
    **dict.fromkeys(("addmm", "baddbmm"), _sum_and_product),
    **dict.fromkeys(("batch_norm", "instance_norm"), _batch_norm),
    **dict.fromkeys(("layer_norm", "rms_norm"), _layer_norm),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "rmatmul": _reversed_product,
    "linear": _last_axis,
    "embedding": _embedding,
    "group_norm": _group_norm,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
    "weight_norm": _weight_norm,
}
