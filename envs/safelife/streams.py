"""Random streams that compiled code draws from, one for each board.

A stream is uint64 `[4]`. The first kind is numpy's PCG64: state and increment, high word first. It
gives the doubles of `np.random.default_rng(seed).random()`, as the reference draws them. The second
kind is counter-based: a key, the number of draws so far, 0 and 0. The increment of a PCG64 is odd,
so a last word of 0 tells the second kind from the first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled

Stream = NDArray[np.uint64]

_WORD = (1 << 64) - 1
_MULTIPLIER_HIGH = np.uint64(0x2360ED051FC65DA4)
_MULTIPLIER_LOW = np.uint64(0x4385DF649FCCF645)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_11, _27, _30, _31, _32, _58, _63 = (np.uint64(bits) for bits in (11, 27, 30, 31, 32, 58, 63))
_UNIT = 2.0**-53


def pcg64_stream(seed: int | np.random.SeedSequence) -> Stream:
    """Return the stream `[4]` of `np.random.default_rng(seed)`."""
    state = np.random.PCG64(seed).state["state"]
    words = [state["state"] >> 64, state["state"] & _WORD, state["inc"] >> 64, state["inc"] & _WORD]
    return np.array(words, np.uint64)


def counter_stream(seed: int | np.random.SeedSequence) -> Stream:
    """Return a counter-based stream `[4]`."""
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    return np.array([sequence.generate_state(1, np.uint64)[0], 0, 0, 0], np.uint64)


@compiled
def draw(stream: Stream) -> float:
    """Draw a number, uniform in [0, 1), and move the stream on."""
    return float(draw_word(stream) >> _11) * _UNIT


@compiled
def draw_word(stream: Stream) -> np.uint64:
    """Draw 64 bits, and move the stream on."""
    word = _ZERO
    if stream[3] == _ZERO:
        word = stream[0] + stream[1] * _GOLDEN  # SplitMix64, by its counter
        stream[1] += _ONE
        word = (word ^ (word >> _30)) * _MIX_1
        word = (word ^ (word >> _27)) * _MIX_2
        word ^= word >> _31
    else:
        high, low = _step(stream[0], stream[1], stream[2], stream[3])
        stream[0], stream[1] = high, low
        word, turn = high ^ low, high >> _58
        word = (word >> turn) | (word << ((_ZERO - turn) & _63))
    return word


@compiled
def _step(
    high: np.uint64, low: np.uint64, increment_high: np.uint64, increment_low: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Return state · multiplier + increment, modulo 2^128."""
    a, b = low >> _32, low & _LOW_HALF
    c, d = _MULTIPLIER_LOW >> _32, _MULTIPLIER_LOW & _LOW_HALF
    middle = a * d + ((b * d) >> _32)
    crossed = b * c + (middle & _LOW_HALF)
    carried = a * c + (middle >> _32) + (crossed >> _32)
    new_low = low * _MULTIPLIER_LOW
    new_high = carried + high * _MULTIPLIER_LOW + low * _MULTIPLIER_HIGH
    summed = new_low + increment_low
    if summed < new_low:
        new_high += _ONE
    return new_high + increment_high, summed
