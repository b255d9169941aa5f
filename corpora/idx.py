"""The idx format that MNIST comes in: a short header, then the numbers of one array."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chisel.configs import ConfigError

_UNSIGNED_BYTES = 0x08


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an array of bytes; a file that ends in `.gz` is unpacked.

    The header is two zero bytes, the type of the numbers, the number of axes, and the length of
    each axis as a big-endian 32-bit number (LeCun et al., "The MNIST database").

    Raises:
        ConfigError: If it can't be read, is no idx file of bytes, or is not as long as it says.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"corpus.path: can't read {path}: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0":
        raise ConfigError(f"corpus.path: {path} is no idx file")
    kind, axes = data[2], data[3]
    if kind != _UNSIGNED_BYTES:
        raise ConfigError(
            f"corpus.path: {path} holds numbers of type 0x{kind:02x}, not bytes (0x08)"
        )
    start = 4 + 4 * axes
    if len(data) < start:
        raise ConfigError(f"corpus.path: {path} ends in its header; is it a whole download?")
    shape = [int(size) for size in np.frombuffer(data[4:start], ">u4")]
    wanted = start + math.prod(shape)
    if len(data) != wanted:
        raise ConfigError(
            f"corpus.path: {path} has {len(data)} bytes, where {wanted} belong to "
            f"{'x'.join(map(str, shape))}; is it a whole download?"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
