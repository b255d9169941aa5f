"""Where in the unit cube each of several linear forms is the largest, cut into simplices.

Integrals over these regions are then sums, exact but for rounding. Forms are zero at the origin, so
a region consists of the pyramids from there over its parts in the cube's far sides, where one
reward is 1. There it is found by cutting the side with one half-space after the other (double
description: Motzkin et al. 1953) and triangulated by pulling vertices (Cohen and Hickey 1979).

Where several forms meet, rounding would decide who has which corner. So every form is first raised
by a tiny amount of its own. Then no more planes meet in a vertex than there are dimensions, and
what is a face of what follows from the planes that vertices lie on, whatever their coordinates.
"""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import TooLargeError

MOST_DIMENSIONS = 7
"""Cubes of more dimensions fall into too many simplices: 7 have 5,040 to begin with."""
MOST_FORMS = 500
"""Every two of them are compared."""

_RAISED = 1e-11
"""Largest amount by which forms are raised, and no integral of their maximum is off by more."""
_FILLED = 1e-6
"""Least accuracy to which regions have to fill the cube: nearly equal forms meet anywhere."""


class Region(NamedTuple):
    """Where one form is the largest, as simplices that share only sides."""

    volumes: NDArray[np.float64]
    """`[N]`"""
    corners: NDArray[np.float64]
    """`[N, D + 1]`, the form's values at the simplices' corners, ascending; the first is 0."""


class _Polytope(NamedTuple):
    vertices: NDArray[np.float64]
    """`[V, D]`"""
    sides: NDArray[np.uint64]
    """`[V]`, a bit for each of the D planes that meet in the vertex."""
    planes: int


def regions(forms: NDArray[np.float64]) -> list[Region]:
    """The region of every form, empty where it is nowhere larger than all others.

    Args:
        forms: Coefficients `[n, D]`, at least 0 and at most 1, no two rows the same.

    Raises:
        TooLargeError: If there are too many dimensions or forms.
        ArithmeticError: If rounding spoilt the geometry: the regions do not fill the cube.
    """
    count, dimensions = forms.shape
    if dimensions > MOST_DIMENSIONS or count > MOST_FORMS:
        raise TooLargeError(
            f"too large to integrate exactly: {count} visit distributions over {dimensions} states "
            f"that belong together (at most {MOST_FORMS} over {MOST_DIMENSIONS}); integrated_power "
            "and sampled_power give estimates with standard errors"
        )
    # Concentrated forms are raised most, so that mixtures of others are below them everywhere.
    size = (forms**2).sum(axis=1)
    raised = _RAISED * (0.9 * size + 0.1 * (np.arange(1, count + 1) * 0.6180339887 % 1))
    order = np.argsort(-size, kind="stable")  # those that are often the largest cut first
    found = [_region(forms, raised, mine, order) for mine in range(count)]
    filled = sum(float(one.volumes.sum()) for one in found)
    if abs(filled - 1) > _FILLED:
        raise ArithmeticError(f"regions fill {filled} of the cube: forms too close to each other")
    return found


def _region(
    forms: NDArray[np.float64], raised: NDArray[np.float64], mine: int, order: NDArray[np.int64]
) -> Region:
    dimensions = forms.shape[1]
    volumes, corners = [np.zeros(0)], [np.zeros((0, dimensions + 1))]
    for side in range(dimensions):
        others = np.arange(dimensions) != side
        here = _part(forms[:, others], forms[:, side] + raised, mine, order)
        if here is not None:
            simplices = here.vertices[_triangulated(here)]
            volumes.append(np.abs(np.linalg.det(simplices[:, 1:] - simplices[:, :1])))
            values = simplices @ forms[mine, others] + forms[mine, side]
            corners.append(np.insert(np.sort(values, axis=1), 0, 0.0, axis=1))
    return Region(np.concatenate(volumes) / factorial(dimensions), np.concatenate(corners))


def _part(
    slopes: NDArray[np.float64], heights: NDArray[np.float64], mine: int, order: NDArray[np.int64]
) -> _Polytope | None:
    """Where in the unit cube `slopes[mine] @ x + heights[mine]` is the largest."""
    part: _Polytope | None = _cube(slopes.shape[1])
    for other in order:
        if other != mine and part is not None:
            part = _cut(part, slopes[mine] - slopes[other], heights[mine] - heights[other])
    return part


def _cube(dimensions: int) -> _Polytope:
    bits = np.arange(2**dimensions)[:, None] >> np.arange(dimensions) & 1
    planes = np.arange(dimensions) + dimensions * bits
    sides = np.bitwise_or.reduce(np.uint64(1) << planes.astype(np.uint64), axis=1)
    return _Polytope(bits.astype(np.float64), sides, 2 * dimensions)


def _cut(polytope: _Polytope, slope: NDArray[np.float64], offset: float) -> _Polytope | None:
    """The part where `slope @ x + offset` is positive; None if there is none."""
    vertices, sides, planes = polytope
    height = vertices @ slope + offset
    above = height > 0
    if not above.any():
        return None
    if above.all():
        return polytope
    if planes == 64:
        raise TooLargeError("a region has more than 64 sides; sampled_power needs no regions")
    high, low = np.flatnonzero(above), np.flatnonzero(~above)
    common = sides[high][:, None] & sides[low]
    # Vertices of an edge have all planes but one in common.
    first, second = np.nonzero(_count_bits(common) == vertices.shape[1] - 1)
    high, low, edge = high[first], low[second], common[first, second]
    share = (height[high] / (height[high] - height[low]))[:, None]
    cuts = vertices[high] + share * (vertices[low] - vertices[high])
    return _Polytope(
        np.concatenate([vertices[above], cuts]),
        np.concatenate([sides[above], edge | np.uint64(1) << np.uint64(planes)]),
        planes + 1,
    )


def _count_bits(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    octets = words[..., None].view(np.uint8)
    return np.asarray(np.unpackbits(octets, axis=-1).sum(axis=-1, dtype=np.int64))


def _triangulated(polytope: _Polytope) -> NDArray[np.int64]:
    """Simplices `[N, D + 1]` as numbers of vertices.

    Each face is split into pyramids from its first vertex over those of its own sides that do not
    touch it. A face is the set of its vertices, as the bits of a whole number.
    """
    on_side = [
        sum(1 << int(vertex) for vertex in np.flatnonzero(polytope.sides >> np.uint64(side) & 1))
        for side in range(polytope.planes)
    ]
    known: dict[int, NDArray[np.int64]] = {}

    def split(face: int, dimensions: int) -> NDArray[np.int64]:
        if face not in known:
            known[face] = pyramids(face, dimensions)
        return known[face]

    def pyramids(face: int, dimensions: int) -> NDArray[np.int64]:
        if face.bit_count() == dimensions + 1:
            return np.array([[at for at in range(face.bit_length()) if face >> at & 1]])
        apex = face & -face
        bases = {face & side for side in on_side if not side & apex} - {0}
        if not bases:
            raise ArithmeticError("rounding spoilt a region: a face without sides")
        pieces = [split(base, dimensions - 1) for base in bases]
        return np.insert(np.concatenate(pieces), 0, apex.bit_length() - 1, axis=1)

    return split((1 << len(polytope.vertices)) - 1, polytope.vertices.shape[1])
