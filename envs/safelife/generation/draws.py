"""Draw numbers as numpy's `Generator` does, for compiled code.

Bits are uint64 `[6]`: a stream of PCG64 in the first four (see `streams`), whether the upper half
of its last word is still unused, and this half. SafeLife generates levels from such a generator;
with the same draws our levels are equal to its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife.streams import draw, draw_word, pcg64_stream

Bits = NDArray[np.uint64]

_HALF_LEFT, _HALF = 4, 5
_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ZERO, _ONE = np.uint64(0), np.uint64(1)


def new_bits(seed: int) -> Bits:
    """Return the bits of `np.random.default_rng(seed)`."""
    return np.concatenate([pcg64_stream(seed), np.zeros(2, np.uint64)])


@compiled
def _draw_half(bits: Bits) -> np.uint64:
    """Draw 32 bits: the lower half of a word, and in the next call the upper half."""
    if bits[_HALF_LEFT]:
        bits[_HALF_LEFT] = _ZERO
        return np.uint64(bits[_HALF])
    word = draw_word(bits)
    bits[_HALF_LEFT], bits[_HALF] = _ONE, word >> _32
    return word & _LOW


@compiled
def integer(bits: Bits, high: int) -> int:
    """Draw from 0…high−1 as `Generator.integers` does (Lemire 2019); high is below 2^32."""
    if high == 1:
        return 0
    many = np.uint64(high)
    product = _draw_half(bits) * many
    if product & _LOW < many:
        least = (_LOW + _ONE - many) % many
        while product & _LOW < least:
            product = _draw_half(bits) * many
    return int(np.int64(product >> _32))


@compiled
def masked_integer(bits: Bits, high: int, masked: int) -> int:
    """Draw from 0…high−1 by rejection.

    As many bits as `masked` has are drawn until they are below `high`. For `masked`, SafeLife's
    solver takes `high`, and numpy's `shuffle` takes `high - 1`.
    """
    mask = np.uint64(masked)
    for shift in (1, 2, 4, 8, 16):
        mask |= mask >> np.uint64(shift)
    many = np.uint64(high)
    value = many
    while value >= many:
        value = _draw_half(bits) & mask
    return int(np.int64(value))


@compiled
def permutation(bits: Bits, number: int) -> NDArray[np.int64]:
    """Draw an order of 0…number−1 as `Generator.permutation` does."""
    order = np.arange(number)
    for last in range(number - 1, 0, -1):
        other = masked_integer(bits, last + 1, last)
        order[last], order[other] = order[other], order[last]
    return order


@compiled
def weighted(bits: Bits, weights: NDArray[np.float64]) -> int:
    """Draw an index by weights as `Generator.choice(p=weights / weights.sum())` does."""
    whole = weights.sum()
    sums = np.empty(len(weights))
    total = 0.0
    for index in range(len(weights)):
        total += weights[index] / whole
        sums[index] = total
    target = draw(bits)
    index = 0
    while index < len(weights) - 1 and sums[index] / total <= target:
        index += 1
    return index


@compiled
def coins(bits: Bits, board: NDArray[np.uint16], share: float) -> NDArray[np.bool_]:
    """Draw bool `[H, W]` for the cells of a board, each True with the probability `share`."""
    heads = np.empty(board.shape, np.bool_)
    for y in range(board.shape[0]):
        for x in range(board.shape[1]):
            heads[y, x] = draw(bits) < share
    return heads
