"""procgen's random words: the Mersenne Twister MT19937, in compiled code.

A stream is uint32 `[625]`: the 624 words of the state, then the position. Words are renewed one at
a time, in place, when they are asked for; a level reads a tenth of a block. `as_block` gives the
form that procgen saves, in which a block is renewed as a whole.

Source: Matsumoto and Nishimura, "Mersenne Twister" (1998), with their seeding of 2002.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled

SIZE = 624
"""Words in the state; the position lies behind them."""
_SHIFT = 397
_UPPER, _LOWER = np.uint32(0x80000000), np.uint32(0x7FFFFFFF)
_TWIST = np.uint32(0x9908B0DF)

Stream = NDArray[np.uint32]


@compiled
def seed_words(stream: Stream, seed: int) -> None:
    """Start a stream anew.

    Args:
        stream: uint32 `[625]`, overwritten.
        seed: Any integer; taken modulo 2**32.
    """
    last = np.uint32(seed & 0xFFFFFFFF)
    stream[0] = last
    for index in range(1, SIZE):
        mixed = np.uint64(last ^ (last >> np.uint32(30))) * np.uint64(1812433253)
        last = np.uint32((mixed + np.uint64(index)) & np.uint64(0xFFFFFFFF))
        stream[index] = last
    stream[SIZE] = SIZE


@compiled
def _renew(stream: Stream, index: int) -> None:
    """Put the next block's word in the place of this block's."""
    following = stream[index + 1 if index + 1 < SIZE else 0]
    mixed = (stream[index] & _UPPER) | (following & _LOWER)
    far = index + _SHIFT
    new = stream[far if far < SIZE else far - SIZE] ^ (mixed >> np.uint32(1))
    if mixed & np.uint32(1):
        new ^= _TWIST
    stream[index] = new


@compiled
def word(stream: Stream) -> np.uint32:
    """Return the next word of a stream, uint32, and move on."""
    index = int(stream[SIZE])
    if index >= SIZE:
        index = 0
    _renew(stream, index)
    stream[SIZE] = index + 1
    drawn = stream[index]
    drawn ^= drawn >> np.uint32(11)
    drawn ^= (drawn << np.uint32(7)) & np.uint32(0x9D2C5680)
    drawn ^= (drawn << np.uint32(15)) & np.uint32(0xEFC60000)
    return np.uint32(drawn ^ (drawn >> np.uint32(18)))


@compiled
def below(stream: Stream, limit: int) -> int:
    """Return a whole number in [0, limit): one word modulo `limit`, slightly biased, as procgen."""
    return int(word(stream) % np.uint32(limit))


@compiled
def as_block(stream: Stream) -> Stream:
    """Return the stream as procgen saves it: all words of the current block renewed."""
    block = stream.copy()
    for index in range(int(block[SIZE]), SIZE):
        _renew(block, index)
    return block
