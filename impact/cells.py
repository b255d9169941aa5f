"""Cells of the unit cube in which one of several linear forms is the largest, as simplices.

Integrals over a cell are sums over its simplices, exact up to rounding. Forms are zero at the
origin, so a cell consists of pyramids from there over its parts in the cube's far sides, where one
reward is 1. A part is found by intersecting the side with one half-space after the other (double
description: Motzkin et al. 1953) and triangulated by pulling vertices (Cohen and Hickey 1979).

Where several forms are equal, rounding would decide which cells a corner belongs to. So a different
tiny constant is added to every form. Then no more planes meet in a vertex than there are
dimensions, and faces follow from the planes on which vertices lie, whatever their coordinates.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import TooLargeError

MOST_DIMENSIONS = 7
"""Largest number of dimensions. A cube of 7 dimensions consists of at least 5,040 simplices."""
MOST_FORMS = 500
"""Largest number of forms. Every pair of them is compared."""

_LARGEST_SHIFT = 1e-11
"""Largest constant added to a form, and so the largest error of an integral of the maximum."""
_VOLUME_ERROR = 1e-6
"""Tolerance for the sum of the cells' volumes, which is 1; nearly equal forms may exceed it."""


class Cell(NamedTuple):
    """The points at which one form is the largest, as simplices that share only sides."""

    volumes: NDArray[np.float64]
    """Volume of each simplex, `[N]`."""
    corners: NDArray[np.float64]
    """Values of the form at the corners of each simplex, `[N, D + 1]`, ascending from 0."""


class _Polytope(NamedTuple):
    vertices: NDArray[np.float64]
    """Coordinates of the vertices, `[V, D]`."""
    sides: NDArray[np.uint64]
    """Planes that meet in each vertex, `[V]`: one bit for each of them."""
    planes: int


def cells(forms: NDArray[np.float64]) -> list[Cell]:
    """Compute the cell of every form; it is empty if the form is nowhere the largest.

    Args:
        forms: Coefficients `[n, D]` in [0, 1], no two rows the same.

    Raises:
        TooLargeError: If there are too many dimensions or forms.
        ArithmeticError: If the cells do not fill the cube, because of rounding.
    """
    count, dimensions = forms.shape
    if dimensions > MOST_DIMENSIONS or count > MOST_FORMS:
        raise TooLargeError(
            f"too large to integrate exactly: {count} visit distributions over {dimensions} states "
            f"in one block (at most {MOST_FORMS} over {MOST_DIMENSIONS}); integrated_power "
            "and sampled_power give estimates with standard errors"
        )
    # Concentrated forms get the largest constants: mixtures of other forms are then below them.
    size = (forms**2).sum(axis=1)
    shifts = _LARGEST_SHIFT * (0.9 * size + 0.1 * (np.arange(1, count + 1) * 0.6180339887 % 1))
    order = np.argsort(-size, kind="stable")  # forms that are often the largest come first
    found = [_cell(forms, shifts, form, order) for form in range(count)]
    filled = sum(float(one.volumes.sum()) for one in found)
    if abs(filled - 1) > _VOLUME_ERROR:
        raise ArithmeticError(f"cells fill {filled} of the cube: forms too close to each other")
    return found


def _cell(
    forms: NDArray[np.float64], shifts: NDArray[np.float64], form: int, order: NDArray[np.int64]
) -> Cell:
    dimensions = forms.shape[1]
    volumes, corners = [np.zeros(0)], [np.zeros((0, dimensions + 1))]
    for side in range(dimensions):
        others = np.arange(dimensions) != side
        part = _part(forms[:, others], forms[:, side] + shifts, form, order)
        if part is not None:
            simplices = part.vertices[_triangulated(part)]
            volumes.append(np.abs(np.linalg.det(simplices[:, 1:] - simplices[:, :1])))
            values = simplices @ forms[form, others] + forms[form, side]
            corners.append(np.insert(np.sort(values, axis=1), 0, 0.0, axis=1))
    return Cell(np.concatenate(volumes) / factorial(dimensions), np.concatenate(corners))


def _part(
    slopes: NDArray[np.float64], heights: NDArray[np.float64], form: int, order: NDArray[np.int64]
) -> _Polytope | None:
    """Compute the part of the unit cube with the largest `slopes[form] @ x + heights[form]`."""
    part: _Polytope | None = _cube(slopes.shape[1])
    for other in order:
        if other != form and part is not None:
            slope, offset = slopes[form] - slopes[other], heights[form] - heights[other]
            part = _intersection(part, slope, offset)
    return part


def _cube(dimensions: int) -> _Polytope:
    bits = np.arange(2**dimensions)[:, None] >> np.arange(dimensions) & 1
    planes = np.arange(dimensions) + dimensions * bits
    sides = np.bitwise_or.reduce(np.uint64(1) << planes.astype(np.uint64), axis=1)
    return _Polytope(bits.astype(np.float64), sides, 2 * dimensions)


def _intersection(
    polytope: _Polytope, slope: NDArray[np.float64], offset: float
) -> _Polytope | None:
    """Compute the part in which `slope @ x + offset` is positive; None if there is none."""
    vertices, sides, planes = polytope
    height = vertices @ slope + offset
    above = height > 0
    if not above.any():
        return None
    if above.all():
        return polytope
    if planes == 64:
        raise TooLargeError("a cell has more than 64 sides; sampled_power needs no cells")
    high, low = np.flatnonzero(above), np.flatnonzero(~above)
    common = sides[high][:, None] & sides[low]
    bits = np.unpackbits(common[..., None].view(np.uint8), axis=-1).sum(axis=-1, dtype=np.int64)
    # The two vertices of an edge share all planes but one.
    first, second = np.nonzero(bits == vertices.shape[1] - 1)
    high, low, edge = high[first], low[second], common[first, second]
    share = (height[high] / (height[high] - height[low]))[:, None]
    crossings = vertices[high] + share * (vertices[low] - vertices[high])
    return _Polytope(
        np.concatenate([vertices[above], crossings]),
        np.concatenate([sides[above], edge | np.uint64(1) << np.uint64(planes)]),
        planes + 1,
    )


def _triangulated(polytope: _Polytope) -> NDArray[np.int64]:
    """Triangulate a polytope into simplices `[N, D + 1]`, as numbers of vertices.

    Each face is divided into pyramids from its first vertex over those of its sides that do not
    contain it. A face is stored as a whole number, with one bit for each of its vertices.
    """
    on_side = [
        sum(1 << int(vertex) for vertex in np.flatnonzero(polytope.sides >> np.uint64(side) & 1))
        for side in range(polytope.planes)
    ]

    @cache
    def split(face: int, dimensions: int) -> NDArray[np.int64]:
        if face.bit_count() == dimensions + 1:
            return np.array([[at for at in range(face.bit_length()) if face >> at & 1]])
        apex = face & -face
        bases = {face & side for side in on_side if not side & apex} - {0}
        if not bases:
            raise ArithmeticError("a face of a cell has no sides, because of rounding")
        pieces = [split(base, dimensions - 1) for base in bases]
        return np.insert(np.concatenate(pieces), 0, apex.bit_length() - 1, axis=1)

    return split((1 << len(polytope.vertices)) - 1, polytope.vertices.shape[1])
