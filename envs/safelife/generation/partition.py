"""Divide a board into regions that lie at least two cells apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife.generation.draws import Bits, integer, weighted
from chisel.envs.safelife.generation.python_sets import (
    PythonSets,
    add,
    discard,
    empty_sets,
    member,
    pair_hashes,
    with_more_sets,
)

Regions = NDArray[np.int64]
"""Number of each cell's region, `[H, W]`, from 1 on; 0 between regions."""

_RARELY = 1e-10


def partition(bits: Bits, shape: tuple[int, int], least: int, most: int) -> Regions:
    """Grow `least` to `most` regions cell by cell, by a Dirichlet process with concentration 1.

    A cell joins a region with a probability proportional to the region's perimeter, or founds a new
    one, unless it would lie less than two cells from another region. Once no region can grow any
    more, cells that are left may found further ones, beyond `most`.
    """
    return _partition(bits, shape, least, most, pair_hashes(*shape))


@compiled
def _partition(
    bits: Bits, shape: tuple[int, int], least: int, most: int, hashes: NDArray[np.uint64]
) -> Regions:
    height, width = shape
    regions = np.zeros(shape, np.int64)
    perimeters = empty_sets(most + 2, height * width)
    refused = np.zeros((height * width // 4 + 2, height * width), np.bool_)
    for cell in range(height * width):
        add(perimeters, 0, cell, hashes)
    number = 0
    while perimeters.members[: number + 1].sum() > 0:
        region = _choose(bits, perimeters, number, least, most)
        cell = member(perimeters, region, integer(bits, perimeters.members[region]))
        discard(perimeters, 0, cell, hashes)
        discard(perimeters, region, cell, hashes)
        if refused[region, cell]:
            continue
        refused[0, cell] = refused[region, cell] = True
        y, x = cell // width, cell % width
        if not _fits(regions, y, x, region):
            continue
        if region == 0:
            number += 1
            region = number
            if number == len(perimeters.tables):
                perimeters = with_more_sets(perimeters)
        regions[y, x] = region
        for dy, dx in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            beside_y, beside_x = (y + dy) % height, (x + dx) % width
            if regions[beside_y, beside_x] == 0:
                add(perimeters, region, beside_y * width + beside_x, hashes)
    return regions


@compiled
def _choose(bits: Bits, perimeters: PythonSets, number: int, least: int, most: int) -> int:
    """Draw the number of the region that grows; 0 is a new region."""
    weights = perimeters.members[: number + 1].astype(np.float64)
    weights[0] = min(1.0, weights[0]) if number < most else _RARELY
    if number < least:
        weights[1:] = _RARELY
    return weighted(bits, weights)


@compiled
def _fits(regions: Regions, y: int, x: int, region: int) -> bool:
    """Return whether a cell can join a region (0: a new one)."""
    height, width = regions.shape
    near = np.empty((5, 5), np.int64)
    for dy in range(5):
        for dx in range(5):
            near[dy, dx] = regions[(y + dy - 2) % height, (x + dx - 2) % width]
    near[2, 2] = region if region else -1
    for middle_y in range(1, 4):
        for middle_x in range(1, 4):
            taken = foreign = 0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    if dy or dx:
                        other = near[middle_y + dy, middle_x + dx]
                        taken += other != 0
                        foreign += other > 0 and other != region
            if foreign and (taken > 2 or (middle_y == 2 and middle_x == 2)):
                return False
    return True
