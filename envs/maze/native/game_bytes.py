"""One game's whole state as procgen's bytes, written and read without procgen.

`envs.maze.layout` names the offsets. The bytes that only procgen's own bookkeeping needs are
written as procgen would, so that either engine can continue from the bytes of the other.
"""

from __future__ import annotations

import functools
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze import layout
from chisel.envs.maze.native.flat import PIXELS, VISIBLE_IN_MEMORY
from chisel.envs.maze.native.generator import generate
from chisel.envs.maze.native.streams import level_streams, next_seed
from chisel.envs.maze.native.words import SIZE, WORDS, Stream, as_block, from_block, seed_words
from chisel.envs.maze.rules import MAX_SEED, Look

GAME = np.dtype(
    [
        ("game", "<i4"),  # its number
        ("low", "<i4"),  # first level seed of the resets, and one past the last
        ("high", "<i4"),
        ("reward", "<f4"),  # of the last step, as the next three
        ("done", "<i4"),
        ("completed", "<i4"),
        ("action", "<i4"),
        ("timeout", "<i4"),
        ("level_seed", "<i4"),
        ("previous_seed", "<i4"),
        ("episode_done", "<i4"),
        ("reward_timer", "<i4"),
        ("last_reward", "<f4"),
        ("time", "<i4"),  # steps since the episode began
        ("speed_x", "<f4"),
        ("speed_y", "<f4"),
        ("reflected", "<i4"),
        ("age", "<i4"),
        ("background", "<i4"),
        ("shift", "<f4"),
        ("last_move", "<i4"),
        ("move", "<i4"),
        ("special", "<i4"),
        ("asked_x", "<f4"),
        ("asked_y", "<f4"),
        ("number", "<i4"),
    ]
)
"""Facts of one game that the bytes hold besides its streams, its cells and its mouse."""

_OFFSETS = {
    "reward": layout.REWARD,
    "done": layout.DONE,
    "completed": layout.COMPLETED,
    "action": 12,
    "timeout": layout.TIMEOUT,
    "level_seed": layout.LEVEL_SEED,
    "previous_seed": layout.PREVIOUS_SEED,
    "episode_done": 32,
    "reward_timer": 36,
    "last_reward": 40,
    "time": layout.CURRENT_TIME,
    "speed_x": 76,
    "speed_y": 80,
    "reflected": layout.REFLECTED,
    "age": 140,
    "background": layout.BACKGROUND,
    "shift": layout.BACKGROUND_SHIFT,
    "last_move": 212,
    "move": 216,
    "special": 220,
    "asked_x": 236,
    "asked_y": 240,
    "number": 264,
}
"""Offsets of these facts in the bytes, relative to the head."""

MODE_CODES = {"easy": 0, "hard": 1, "memory": 10}
"""procgen's numbers of its distribution modes."""
_UNSEEDED = 5489
"""Seed of the words of a Mersenne Twister that was never seeded, such as procgen's third stream."""
_ASSETS = -446301918
"""procgen's hash of the game's name."""


def new_record() -> NDArray[Any]:
    """Return the facts of a game that was just made, with the dtype `GAME` and shape `[]`."""
    record = np.zeros((), GAME)
    record["high"], record["done"], record["timeout"] = MAX_SEED, 1, 500
    record["action"], record["last_move"] = 4, 7
    record["last_reward"] = -1
    return record


@functools.cache
def fresh(look: Look) -> bytes:
    """Return the state of the first game of an environment made with `rand_seed=0`."""
    stream, draws = level_streams(0, 1)[0], np.empty(SIZE, np.uint32)
    record = new_record()
    record["level_seed"] = next_seed(stream, 0, MAX_SEED)
    seed_words(draws, int(record["level_seed"]))
    world = np.empty((look.world_dim, look.world_dim), np.uint8)
    size, record["background"], record["shift"] = generate(draws, world)
    return bytes(write_game(look, record, stream, draws, world, size, (0, 0)))


def write_game(
    look: Look,
    record: NDArray[Any],
    stream: Stream,
    draws: Stream,
    world: NDArray[np.uint8],
    size: int,
    mouse: tuple[int, int],
) -> bytearray:
    """Write a game's state.

    Args:
        look: Mode and visual options.
        record: The game's facts, dtype `GAME`, shape `[]`.
        stream: Stream of level seeds, uint32 `[626]`.
        draws: Stream of the level's words, uint32 `[626]`.
        world: Codes of all cells, uint8 `[W, W]`.
        size: Side of the inner maze in cells.
        mouse: Row and column of the mouse in the inner maze.
    """
    side = len(world)
    margin = (side - size) // 2
    x, y = mouse[1] + margin + 0.5, mouse[0] + margin + 0.5
    fact = {name: record[name].item() for name in GAME.names or ()}
    centred = look.centred
    options = (0, 0, look.use_monochrome_assets, look.restrict_themes, look.use_backgrounds)
    centre = (x, y) if centred else (side / 2, side / 2)
    parts = [
        struct.pack("<ii4s", 0, 4, b"maze"),
        struct.pack("<12i", *options, centred, 0, MODE_CODES[look.mode], 0, 0, 0, 0),
        struct.pack("<5i", 1, fact["low"], fact["high"], 0, fact["game"]),
        _stream_bytes(1, stream),
        _stream_bytes(1, draws),
        _step_bytes(fact, side),
        _mouse_bytes(fact, x, y),
        struct.pack("<iiff", 0, fact["background"], 0.0, fact["shift"]),
        struct.pack("<fiii", 5.0, fact["last_move"], fact["move"], fact["special"]),
        struct.pack("<ffffff", 0.5, 0.5, 0.5, fact["asked_x"], fact["asked_y"], 0.0),
        struct.pack("<ffffi", *centre, 0.0, 0.0, fact["number"]),
        _unseeded_stream(),
        _camera_bytes(side, centre, centred),
        struct.pack("<iii", side, side, side * side),
        world.astype("<i4").tobytes(),
        struct.pack("<iii", size, side, layout.END_MARK),
    ]
    return bytearray(b"".join(parts))


def _step_bytes(fact: dict[str, Any], side: int) -> bytes:
    step = ("reward", "done", "completed", "action", "timeout", "level_seed", "previous_seed")
    return (
        struct.pack("<fiiiiii", *(fact[name] for name in step))
        + struct.pack("<ii", 0, fact["episode_done"])
        + struct.pack("<ifii", fact["reward_timer"], fact["last_reward"], 4, _ASSETS)
        + struct.pack("<iiii", fact["time"], 0, side * side, 1)
    )


def _mouse_bytes(fact: dict[str, Any], x: float, y: float) -> bytes:
    return (
        struct.pack("<ffffff", x, y, fact["speed_x"], fact["speed_y"], 0.5, 0.5)
        + struct.pack("<9i", 0, 0, 0, 1, 0, 0, 0, 0, 0)
        + struct.pack("<6i", fact["reflected"], -1, -1, fact["age"], -1, 0)
        + struct.pack("<fiii", 1.0, 1, 0, 1)
        + struct.pack("<fffffi", 1.0, 1.0, -100.0, 1.0, 1.0, 0)
    )


def _camera_bytes(side: int, centre: tuple[float, float], centred: bool) -> bytes:
    """Return the camera's numbers; procgen computes them in float32."""
    visible = np.float32(VISIBLE_IN_MEMORY if centred else side)
    unit = np.float32(PIXELS) / visible
    view = np.float32(PIXELS) / unit
    left, bottom = (unit * (np.float32(one) - view / np.float32(2)) for one in centre)
    return struct.pack("<iiifffffi", side, side, 51, unit, view, left, bottom, visible, 0)


def _stream_bytes(seeded: int, stream: Stream) -> bytes:
    text = " ".join(map(str, as_block(stream).tolist())).encode()
    return struct.pack("<ii", seeded, len(text)) + text


@functools.cache
def _unseeded_stream() -> bytes:
    stream = np.empty(SIZE, np.uint32)
    seed_words(stream, _UNSEEDED)
    text = " ".join(map(str, stream[: WORDS + 1].tolist())).encode()
    return struct.pack("<ii", 0, len(text)) + text


def read_record(blob: bytes | bytearray) -> tuple[NDArray[Any], Stream, Stream]:
    """Read a game's facts and streams; `MazeState` reads its cells and its mouse.

    Returns:
        The facts, dtype `GAME`, shape `[]`; the stream of level seeds and that of the level's
        words, uint32 `[626]`.

    Raises:
        EnvironmentFault: If the bytes are not a procgen maze state.
    """
    head, _, _ = layout.find(blob)
    stream, draws_at = _read_stream(blob, layout.FIRST_STREAM)
    draws, _ = _read_stream(blob, draws_at)
    record = np.zeros((), GAME)
    record["game"] = layout.INT.unpack_from(blob, layout.SEED_RANGE + 12)[0]
    record["low"], record["high"] = layout.PAIR.unpack_from(blob, layout.SEED_RANGE)
    for name, offset in _OFFSETS.items():
        record[name] = np.frombuffer(blob, GAME[name], 1, head + offset)[0]
    return record, stream, draws


def _read_stream(blob: bytes | bytearray, at: int) -> tuple[Stream, int]:
    """Return a stream, and the offset of its end."""
    length = layout.INT.unpack_from(blob, at + 4)[0]
    words = bytes(blob[at + 8 : at + 8 + length]).split()
    return from_block(np.array(words, np.int64).astype(np.uint32)), at + 8 + length
