"""The expected maximum of linear forms of independent uniform rewards, exactly."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from chisel.impact.cells import Cell, cells

_SHARE_ERROR = 1e-6
"""Tolerance of one block for the sum of shares, which is 1; equal to that of cells' volumes."""


class Maximum(NamedTuple):
    """The maximum of linear forms of random rewards."""

    mean: float
    """Mean of the largest form."""
    shares: NDArray[np.float64]
    """`[n]`, probability that each form is the largest."""


def expected_maximum(forms: NDArray[np.float64]) -> Maximum:
    """Compute E max of `forms @ R` for rewards that are independent and uniform on [0, 1].

    The part that all forms share contributes its mean. The rest is divided into blocks of forms
    that share no state with other blocks: their maxima are independent, and the probability of each
    to be below t is a piecewise polynomial in t. So the dimension is that of a block, not of all
    states.

    Args:
        forms: Coefficients `[n, S]`, at least 0, no two rows the same.

    Raises:
        TooLargeError: If a block has too many states or forms.
        ArithmeticError: If shares do not add up to 1, because of rounding.
    """
    common = forms.min(axis=0)
    rest = forms - common
    rest[rest < 1e-13] = 0  # differences this small come from rounding
    mean, shares = float(common.sum() / 2), np.zeros(len(forms))
    blocks = _blocks(rest)
    if not blocks:  # a single form
        return Maximum(mean, np.ones(len(forms)))
    by_block = [cells(rest[np.ix_(rows, states)]) for rows, states in blocks]
    highest, found = _one_block(by_block[0]) if len(by_block) == 1 else _many_blocks(by_block)
    for (rows, _), shares_of_block in zip(blocks, found, strict=True):
        shares[rows] = shares_of_block
    if not abs(shares.sum() - 1) <= _SHARE_ERROR * len(blocks):  # also refuses nan
        raise ArithmeticError(
            f"shares add up to {shares.sum()}, not to 1, because of rounding; sampled_power "
            "needs no geometry"
        )
    return Maximum(mean + highest, shares)


def _blocks(forms: NDArray[np.float64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Divide forms into blocks that share states with each other and with no other forms.

    A block is its forms and its states. A form that is zero everywhere belongs to none: it is below
    all others.
    """
    unseen = forms > 0
    found = []
    while unseen.any():
        rows = unseen.any(axis=1) & (np.arange(len(forms)) == unseen.any(axis=1).argmax())
        while True:
            states = forms[rows].any(axis=0)
            wider = forms[:, states].any(axis=1)
            if (wider == rows).all():
                break
            rows = wider
        found.append((np.flatnonzero(rows), np.flatnonzero(states)))
        unseen[rows] = False
    return found


def _one_block(block: list[Cell]) -> tuple[float, list[NDArray[np.float64]]]:
    """Compute E max and shares. The mean of a linear form over a simplex is that of its corners."""
    mean = sum(float(one.volumes @ one.corners.mean(axis=1)) for one in block)
    return mean, [np.array([one.volumes.sum() for one in block])]


def _many_blocks(blocks: list[list[Cell]]) -> tuple[float, list[NDArray[np.float64]]]:
    """Compute E max over blocks, `T - ∫ Π_b P(block b below t) dt`, and shares by block.

    Between two neighbouring corner values every factor is a polynomial whose degree is the block's
    dimension. Gauss's rule with n nodes is exact up to degree 2n - 1, enough for the whole product.
    n nodes determine a polynomial and its derivative up to degree n - 1, enough for each factor.
    """
    ends = _breaks(np.concatenate([one.corners.ravel() for block in blocks for one in block]))
    degrees = [block[0].corners.shape[1] - 1 for block in blocks]
    gauss: Any = legendre.leggauss  # has no type
    nodes, weights = gauss(1 + max(sum(degrees) // 2, *degrees))
    half = np.diff(ends)[:, None] / 2
    at = ends[:-1, None] + half * (1 + nodes)
    below = [
        np.array([one.volumes @ _below(one.corners, at.ravel()) for one in block]).reshape(
            -1, *at.shape
        )
        for block in blocks
    ]
    together = [parts.sum(axis=0) for parts in below]
    mean = ends[-1] - float((half * weights * np.prod(together, axis=0)).sum())
    slope = _derivative(nodes)
    shares = []
    for number, parts in enumerate(below):
        others = [all_parts for at, all_parts in enumerate(together) if at != number]
        others_below = weights * np.prod(others, axis=0)
        shares.append(((parts @ slope.T) * others_below).sum(axis=(1, 2)))
    return mean, shares


def _breaks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distinct corner values, ascending from 0."""
    ascending = np.unique(np.append(values, 0.0))
    return np.asarray(ascending[np.append(True, np.diff(ascending) > 1e-12)])


def _derivative(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix from a polynomial's values at the nodes to its slopes there (Lagrange)."""
    apart = nodes[:, None] - nodes + np.eye(len(nodes))
    scale = apart.prod(axis=1)
    slopes = scale[:, None] / scale / apart * (1 - np.eye(len(nodes)))
    return np.asarray(slopes - np.diag(slopes.sum(axis=1)))


def _below(corners: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute shares `[N, T]` of simplices in which a linear form is below a level.

    The recursion of Varsi (1973) only adds and multiplies positive numbers.

    Args:
        corners: The form's values at the corners `[N, D + 1]`, ascending.
        levels: Levels `[T]`.
    """
    height = corners[:, None] - levels[:, None]  # [N, T, D + 1]
    size = corners.shape[1]
    low = (height <= 0).sum(axis=-1)
    share: NDArray[np.float64] = (low == size).astype(np.float64)
    for lower in range(1, size):
        chosen = low == lower
        below, above = height[chosen][:, :lower].T, height[chosen][:, lower:].T
        parts = [np.ones(chosen.sum()), *(np.zeros(chosen.sum()) for _ in above)]
        for x in below:
            for number, y in enumerate(above, start=1):
                parts[number] = (y * parts[number] - x * parts[number - 1]) / (y - x)
        share[chosen] = parts[-1]
    return share
