"""Offsets of the parts of a maze state in its bytes.

procgen writes options, two random streams, the step's outcome, the mouse, the background, a third
random stream, the view, the grid, and the maze's size. The streams are decimal text of varying
length, so what follows a stream is found by reading the stream's length.
"""

from __future__ import annotations

import struct

from chisel.configs.errors import EnvironmentFault

INT = struct.Struct("<i")
FLOAT = struct.Struct("<f")
PAIR = struct.Struct("<ii")
POINT = struct.Struct("<ff")

OPTIONS = 12
"""Offset of twelve integers; those named below are used."""
MONOCHROME, THEMES, BACKGROUNDS, CENTRED, MODE = (OPTIONS + 4 * i for i in (2, 3, 4, 5, 7))
SEED_RANGE = 64
"""Offset of the first level seed and of one past the last."""
FIRST_STREAM = 80

# Relative to the head, the first byte after the second random stream.
REWARD, DONE, COMPLETED = 0, 4, 8
TIMEOUT, LEVEL_SEED, PREVIOUS_SEED = 16, 20, 24
CURRENT_TIME = 52
ENTITIES = 64
MOUSE = 68
"""x and y of the mouse's centre."""
REFLECTED = 128
BACKGROUND, BACKGROUND_SHIFT = 196, 204
THIRD_STREAM = 268

VIEW_BYTES = 36
"""Bytes between the third stream and the grid's own width, height and length."""
TAIL_BYTES = 12
"""Bytes after the grid: maze size, world size, end mark."""
END_MARK = -889271554
_NAME = b"maze"


def find(blob: bytes | bytearray) -> tuple[int, int, int]:
    """Find the parts of a state, and check everything that would make procgen abort the process.

    Returns:
        Offsets of the head and of the grid, which depend on the length of the random streams, and
        the side of the world in cells.

    Raises:
        EnvironmentFault: If the bytes are not a procgen maze state.
    """
    try:
        return _parse(blob)
    except (struct.error, _NotAStateError) as error:
        raise EnvironmentFault(f"not the state of a procgen maze: {error}") from error


class _NotAStateError(Exception):
    """Raised for bytes that do not follow the layout; `find` reports it."""


def _parse(blob: bytes | bytearray) -> tuple[int, int, int]:
    size = len(blob)
    if size < FIRST_STREAM + THIRD_STREAM or bytes(blob[8:12]) != _NAME:
        raise _NotAStateError(f"{size} bytes without the game's name")
    if INT.unpack_from(blob, 0)[0] != 0 or INT.unpack_from(blob, 4)[0] != len(_NAME):
        raise _NotAStateError("another version of procgen's format")
    head = _end_of_stream(blob, _end_of_stream(blob, FIRST_STREAM))
    if INT.unpack_from(blob, head + ENTITIES)[0] != 1:
        raise _NotAStateError("it has other things in it than one mouse")
    width_at = _end_of_stream(blob, head + THIRD_STREAM) + VIEW_BYTES
    width, height, cells = struct.unpack_from("<iii", blob, width_at)
    grid = width_at + 12
    maze_dim, world_dim, mark = struct.unpack_from("<iii", blob, size - TAIL_BYTES)
    if mark != END_MARK or not 0 < maze_dim <= world_dim:
        raise _NotAStateError("the end is missing")
    if width != world_dim or height != world_dim or cells != world_dim**2:
        raise _NotAStateError(f"a grid of {width}×{height} in a world of {world_dim}")
    if grid + 4 * cells + TAIL_BYTES != size:
        raise _NotAStateError(f"{size} bytes, but {grid + 4 * cells + TAIL_BYTES} were announced")
    return head, grid, world_dim


def _end_of_stream(blob: bytes | bytearray, start: int) -> int:
    length: int = INT.unpack_from(blob, start + 4)[0]
    end = start + 8 + length
    if length < 0 or end > len(blob):
        raise _NotAStateError("a random stream is cut off")
    return end
