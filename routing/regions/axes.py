"""On which axis of an activation its units are."""

from __future__ import annotations

from typing import Literal

from torch import nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.recording import Recording
from chisel.routing.regions.operations import MOVING
from chisel.routing.regions.backward_rules import CONVOLUTIONS, ELEMENTWISE, POOLING, TRANSPOSED
from chisel.routing.regions.layers import axis_of, neighbour_of

_LAST = {"linear", "addmm", "matmul", "bmm", "embedding", "layer_norm", "rms_norm"} | {
    "multi_head_attention_forward",
    "scaled_dot_product_attention",
}
_FIRST = {"batch_norm", "group_norm", "instance_norm", *CONVOLUTIONS, *TRANSPOSED, *POOLING}


def axis_for(
    model: nn.Module,
    name: str,
    at: Literal["input", "output"],
    given: int | None,
    recording: Recording | None,
) -> int:
    """Choose the axis of the units at a module's output or input, or check the one that was given.

    A layer says it itself; for an activation or a container the layer does whose units they are.

    Raises:
        RoutingError: The layer's units cannot be on the given axis, or nothing tells the axis.
    """
    own = axis_of(model.get_submodule(name))
    shape = None if recording is None else recording.shape_at(name, at)
    if given is not None:
        if own is not None and not _same(given, own, None if shape is None else len(shape)):
            raise RoutingError(
                f"the {at} of {name} has its units on axis {own if own == -1 else 1}, not {given}: "
                "leave axis out"
            )
        return given
    if own is not None:
        return own if own == -1 else 1
    if recording is None or shape is None:
        neighbour = neighbour_of(model, name, at)
        return -1 if neighbour is not None and axis_of(neighbour.layer) == -1 else 1
    told = None if len(shape) == 2 else _traced(recording, recording.at[name, at])
    if told is None and len(shape) == 3:
        raise RoutingError(
            f"the {at} of {name} has shape {list(shape)}, and nothing tells where its units are: "
            "give axis: -1 for tokens [B, T, units], axis: 1 for channels [B, units, L]"
        )
    return 1 if told is None else told


def _same(given: int, own: int, rank: int | None) -> bool:
    """Whether two numbers may be one axis; without a rank, data decide when they pass."""
    if rank is None:
        return given in (1, own)
    return -rank <= given < rank and given % rank == own % rank


def _traced(recording: Recording, value: int) -> int | None:
    """The axis of the layer that made the units, as long as nothing has moved them."""
    made_by = {output: op for op in recording.ops for output in op.outputs}
    may_be_first = True
    while (op := made_by.get(value)) is not None and op.tensors:
        before, after = recording.shapes[op.tensors[0]], recording.shapes[value]
        if op.name in _LAST:
            return -1
        if op.name in _FIRST:
            return 1 if may_be_first else None
        if op.name in MOVING:
            if not before or not after or before[-1] != after[-1]:
                return None
            may_be_first = False
        elif op.name not in ELEMENTWISE or before != after:
            return None
        value = op.tensors[0]
    return None
