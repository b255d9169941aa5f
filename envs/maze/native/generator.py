"""procgen's maze levels, from level seed to cells.

The inner maze has side d = 2k - 1 and k² rooms, the cells with even coordinates. Kruskal's
algorithm joins them to a tree: it goes through the walls between neighbouring rooms in random order
and carves those whose rooms are not connected yet. Coordinates here are procgen's: x to the right,
y upwards, so cells are `[y, x]` and row 0 is the bottom.

Source: the maze of procgen 0.10 (Cobbe et al., "Leveraging Procedural Generation to Benchmark
Reinforcement Learning", 2020), whose draws are repeated word for word.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.maze.native.words import SIZE, Stream, below, seed_words, word
from chisel.envs.maze.rules import CHEESE, FREE, WALL

_BACKGROUNDS = 9
"""Number of procgen's background images."""


@compiled
def _candidates(rooms: int, walls: NDArray[np.int16]) -> int:
    """List the walls between neighbouring rooms as pairs of rooms, in procgen's order.

    Args:
        rooms: Number of rooms in a row, k.
        walls: int16 `[n, 2]`, filled with the numbers row * k + column of the rooms.

    Returns:
        The number of walls, 2k(k - 1).
    """
    count = 0
    for col in range(rooms - 1):
        for row in range(rooms):
            walls[count, 0] = row * rooms + col
            walls[count, 1] = row * rooms + col + 1
            count += 1
    for col in range(rooms):
        for row in range(rooms - 1):
            walls[count, 0] = row * rooms + col
            walls[count, 1] = (row + 1) * rooms + col
            count += 1
    return count


@compiled
def _find(parents: NDArray[np.int16], room: int) -> int:
    """Return the room that stands for all rooms connected with this one."""
    while parents[room] != room:
        parents[room] = parents[parents[room]]
        room = parents[room]
    return room


@compiled
def _carve(cells: NDArray[np.uint8], free: NDArray[np.int16], count: int, y: int, x: int) -> int:
    """Make a cell free; if it was a wall, append it to the list of free cells.

    Returns:
        The length of the list.
    """
    if cells[y, x] != WALL:
        return count
    cells[y, x] = FREE
    free[count] = y * len(cells) + x
    return count + 1


@compiled
def _carve_tree(stream: Stream, cells: NDArray[np.uint8], free: NDArray[np.int16]) -> int:
    """Carve a maze into walls; one word per candidate wall.

    Returns:
        The number of free cells, 2k² - 1.
    """
    rooms = (len(cells) + 1) // 2
    walls = np.empty((2 * rooms * (rooms - 1), 2), np.int16)
    left = _candidates(rooms, walls)
    parents = np.arange(rooms * rooms).astype(np.int16)
    count = 0
    while left:
        chosen = below(stream, left)
        first, second = walls[chosen]
        for index in range(chosen, left - 1):
            walls[index] = walls[index + 1]
        left -= 1
        root, other = _find(parents, first), _find(parents, second)
        if root == other:
            continue
        y, x = 2 * (first // rooms), 2 * (first % rooms)
        to_y, to_x = 2 * (second // rooms), 2 * (second % rooms)
        count = _carve(cells, free, count, y, x)
        count = _carve(cells, free, count, (y + to_y) // 2, (x + to_x) // 2)
        count = _carve(cells, free, count, to_y, to_x)
        parents[root] = other
    return count


@compiled
def generate(stream: Stream, world: NDArray[np.uint8]) -> tuple[int, int, float]:
    """Draw one level from a stream that was just seeded with the level's seed.

    Args:
        stream: Random stream, uint32 `[626]`; afterwards it has passed the level's words.
        world: Codes of all cells, uint8 `[W, W]`, overwritten. The mouse starts in the lower left
            of the inner maze, which lies in the middle.

    Returns:
        Side of the inner maze, number of the background image, and its shift (0…1).
    """
    shift = float(np.float32(word(stream) / 4294967296.0))
    background = below(stream, _BACKGROUNDS)
    side = 3 + 2 * below(stream, (len(world) - 1) // 2)
    world[:] = WALL
    margin = (len(world) - side) // 2
    cells = world[margin : margin + side, margin : margin + side]
    free = np.empty(side * side, np.int16)
    count = _carve_tree(stream, cells, free)
    cheese = 0
    while cheese == 0:  # cell 0 is the start of the mouse
        cheese = free[below(stream, count)]
    cells[cheese // side, cheese % side] = CHEESE
    return side, background, shift


@compiled
def draw_levels(
    seeds: NDArray[np.int64], world_dim: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Make the levels of these seeds.

    Args:
        seeds: procgen's level seeds, int64 `[n]`; taken modulo 2**32.
        world_dim: Side of the world in cells, W: 15, 25 or 31.

    Returns:
        Codes of all cells uint8 `[n, W, W]`, sides of the inner mazes int64 `[n]`, background
        images int32 `[n]`, and their shifts float32 `[n]`.
    """
    count = len(seeds)
    worlds = np.empty((count, world_dim, world_dim), np.uint8)
    sides = np.empty(count, np.int64)
    backgrounds = np.empty(count, np.int32)
    shifts = np.empty(count, np.float32)
    stream = np.empty(SIZE, np.uint32)
    for index in range(count):
        seed_words(stream, seeds[index])
        sides[index], backgrounds[index], shifts[index] = generate(stream, worlds[index])
    return worlds, sides, backgrounds, shifts
