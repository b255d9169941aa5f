"""procgen's random words: the Mersenne Twister MT19937, in compiled code.

A stream is uint32 `[626]`: the 624 words of the state, the position, and the number of words of the
block that have been renewed. Words are renewed one at a time, in place, when they are asked for,
since a level reads only a tenth of a block. `as_block` gives the form that procgen saves, in which
a block is renewed as a whole.

Source: Matsumoto and Nishimura, "Mersenne Twister" (1998), with their seeding of 2002.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled

WORDS = 624
"""Number of words in the state."""
SIZE = WORDS + 2
"""Length of a stream."""
_AT, _RENEWED = WORDS, WORDS + 1
_SHIFT = 397
_UPPER, _LOWER = np.uint32(0x80000000), np.uint32(0x7FFFFFFF)
_TWIST = np.uint32(0x9908B0DF)

Stream = NDArray[np.uint32]


@compiled
def seed_words(stream: Stream, seed: int) -> None:
    """Start a stream anew.

    Args:
        stream: uint32 `[626]`, overwritten.
        seed: Any integer; taken modulo 2**32.
    """
    last = np.uint32(seed & 0xFFFFFFFF)
    stream[0] = last
    for index in range(1, WORDS):
        mixed = np.uint64(last ^ (last >> np.uint32(30))) * np.uint64(1812433253)
        last = np.uint32((mixed + np.uint64(index)) & np.uint64(0xFFFFFFFF))
        stream[index] = last
    stream[_AT] = stream[_RENEWED] = WORDS


@compiled
def _renew(stream: Stream, index: int) -> None:
    """Replace one word of this block by that of the next block."""
    following = stream[index + 1 if index + 1 < WORDS else 0]
    mixed = (stream[index] & _UPPER) | (following & _LOWER)
    far = index + _SHIFT
    new = stream[far if far < WORDS else far - WORDS] ^ (mixed >> np.uint32(1))
    if mixed & np.uint32(1):
        new ^= _TWIST
    stream[index] = new


@compiled
def word(stream: Stream) -> np.uint32:
    """Return the next word of a stream, uint32, and move on."""
    if stream[_AT] >= WORDS:
        stream[_AT] = stream[_RENEWED] = 0
    index = int(stream[_AT])
    if index >= stream[_RENEWED]:
        _renew(stream, index)
        stream[_RENEWED] = index + 1
    stream[_AT] = index + 1
    drawn = stream[index]
    drawn ^= drawn >> np.uint32(11)
    drawn ^= (drawn << np.uint32(7)) & np.uint32(0x9D2C5680)
    drawn ^= (drawn << np.uint32(15)) & np.uint32(0xEFC60000)
    return np.uint32(drawn ^ (drawn >> np.uint32(18)))


@compiled
def below(stream: Stream, limit: int) -> int:
    """Return a word modulo `limit`, in [0, limit): slightly biased, as in procgen."""
    return int(word(stream) % np.uint32(limit))


@compiled
def as_block(stream: Stream) -> Stream:
    """Return words and position as procgen saves them, uint32 `[625]`, all words renewed."""
    block = stream.copy()
    for index in range(int(block[_RENEWED]), WORDS):
        _renew(block, index)
    return block[: _AT + 1]


def from_block(block: NDArray[np.uint32]) -> Stream:
    """Return the stream of words and position uint32 `[625]`, as procgen saves them."""
    return np.append(block, np.uint32(WORDS))
