"""The layer horizon: the number of layers back that the reads of a network must reach.

Turner (2024) asks for the smallest k such that blocks do as well if everything that was written
more than k layers ago is replaced. Here the older part of a residual stream is replaced by a
constant: its mean over examples in the unchanged network, or zero.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor, nn

from chisel.analysis.interventions import Edit, record
from chisel.analysis.language.streams import Stream
from chisel.routing import Site


def older_parts(
    model: nn.Module, stream: Stream, run: Callable[[], object], positions: Tensor | None
) -> list[Tensor]:
    """Return the mean of the stream after 0, 1, …, L blocks.

    For texts it is over all tokens but position 0, which has its own mean. If every text begins
    with the same token, that mean is the unchanged stream.

    Args:
        model: The network.
        stream: One of its streams.
        run: Function that runs the network on the examples, in one batch.
        positions: Positions of the tokens `[N, T]`, -1 for padding; None for images.

    Returns:
        L + 1 tensors, `[1, T, units]` for texts and `[1, C, 1, 1]` for images.
    """
    found = record(model, stream.sites, run)
    if positions is None:
        return [found[site].mean((0, 2, 3), keepdim=True) for site in stream.sites]
    return [_mean_of_tokens(found[site], positions) for site in stream.sites]


def only_first(parts: Collection[Tensor]) -> list[Tensor]:
    """Return zeros instead of means; position 0 of texts keeps its mean."""
    zeros = [torch.zeros_like(part) for part in parts]
    for zero, part in zip(zeros, parts, strict=True):
        if part.dim() == 3:
            zero[:, 0] = part[:, 0]
    return zeros


def forget(
    stream: Stream, k: int, readers: Collection[int], instead: list[Tensor]
) -> dict[Site, Edit]:
    """Let some reads see only the output of the last k blocks; the older part is replaced.

    The stream itself stays whole: a block's output, computed from the part that the block saw, is
    added to the whole stream. Reads of the first k blocks see everything.

    Args:
        stream: The stream.
        k: Number of blocks, at least 1.
        readers: Numbers of the blocks whose reads are limited. The number L stands for the read at
            the end of the stream.
        instead: Replacement of the stream after 0, 1, …, L blocks, such as `older_parts`.

    Returns:
        Edits for `intervene`, for one run of the network at a time.
    """
    whole: dict[int, Tensor] = {}
    seen: dict[int, Tensor] = {}
    end = len(stream)

    def limited(number: int, values: Tensor) -> Tensor:
        return values - whole[number - k] + instead[number - k].to(values)

    def read(number: int) -> Edit:
        def edit(values: Tensor) -> Tensor:
            whole[number] = values
            if number in readers and number >= k:
                seen[number] = limited(number, values)
            else:
                seen.pop(number, None)
            return seen.get(number, values)

        return edit

    def left(number: int) -> Edit:
        def edit(values: Tensor) -> Tensor:
            if number in seen:
                values = whole[number] + (values - seen[number])
            last = number + 1 == end and end in readers and end >= k
            return limited(end, values) if last else values

        return edit

    edits: dict[Site, Edit] = {}
    for number in range(end):
        edits |= {stream.read(number): read(number), stream.left(number): left(number)}
    return edits


def horizon(losses: Mapping[int, float], most: float) -> int | None:
    """Return the smallest k from which on the loss is at most `most`; None if there is none.

    Args:
        losses: Loss by k, if reads see the output of the last k blocks.
        most: Largest loss that is allowed.
    """
    found = None
    for k in sorted(losses, reverse=True):
        if losses[k] > most:
            break
        found = k
    return found


def _mean_of_tokens(values: Tensor, positions: Tensor) -> Tensor:
    counted = positions > 0
    mean = values[counted].mean(0).expand(1, values.shape[1], -1).clone()
    mean[0, 0] = values[positions == 0].mean(0)
    return mean
