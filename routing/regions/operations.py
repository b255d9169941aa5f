"""Functions that only move numbers: views, slices, concatenations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from chisel.routing.regions.examples import tensors_in

MOVING = frozenset(
    {
        *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose"),
        *("swapaxes", "swapdims", "permute", "movedim", "moveaxis", "t", "get", "adjoint"),
        *("expand", "expand_as", "repeat", "tile", "chunk", "split", "split_with_sizes"),
        *("tensor_split", "unbind", "getitem", "select", "narrow", "index_select", "cat"),
        *("concat", "concatenate", "stack", "hstack", "vstack", "roll", "flip", "pad"),
        *("view_as", "reshape_as", "repeat_interleave"),
    }
)
"""Names of functions as `Op.name` has them; `get` reads an attribute such as `T`."""

MAY_SHARE = MOVING | {"contiguous", "to", "float", "type_as", "dropout", "detach", "requires_grad"}
"""Names of functions that may return the memory that they were given."""


def sources_of(
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    returned: Sequence[Tensor],
) -> tuple[Tensor, ...] | None:
    """Where each number that a function returns comes from; None if it does more than move them.

    The function is called again with the places of the numbers instead of the numbers, counted from
    1 over all tensors among its arguments, so that padding is 0. Integer tensors stay, as indices.
    """
    if func.__name__.strip("_") not in MOVING:
        return None
    taken = 0

    def places(value: Any) -> Any:
        nonlocal taken
        if isinstance(value, Tensor):
            first, taken = taken + 1, taken + value.numel()
            if not value.is_floating_point():
                return value
            return torch.arange(first, taken + 1, device=value.device).view(value.shape)
        if isinstance(value, tuple | list):
            return type(value)(map(places, value))
        return value

    try:
        moved = list(
            tensors_in(func(*map(places, args), **{k: places(v) for k, v in kwargs.items()}))
        )
    except (RuntimeError, TypeError, ValueError):
        return None
    if [tensor.shape for tensor in moved] != [tensor.shape for tensor in returned]:
        return None
    return tuple(tensor.long().cpu() for tensor in moved)
