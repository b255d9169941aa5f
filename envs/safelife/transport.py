"""Earth mover's distance between two densities of cells on a board that wraps around.

Mass that lies in the same cell of both densities stays there. The rest moves at a cost of
tanh(d / 5) for each unit, with d the Manhattan distance. Mass that only one of the densities has
costs 1 for each unit.

The transport is solved here because scipy's linear programmes take a hundred times as long for the
boards with spawners, and because POT (`ot.emd`) imports torch.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled

Wrap = Literal["reference", "torus"]
Floats = NDArray[np.float64]

_SCALE = 5.0
_NEGLIGIBLE = 1e-3
"""The reference leaves out cells that differ by no more than this share of the largest
difference."""
_UNITS = 1e6
"""The reference rounds masses to this many parts of the heavier density, and costs to this many
parts of the largest cost."""


def earth_movers_distance(before: Floats, after: Floats, *, wrap: Wrap = "torus") -> float:
    """Return the least cost at which one density becomes the other.

    Args:
        before: Density `[H, W]`, not negative.
        after: Density `[H, W]`, not negative.
        wrap: `torus` takes distances on the torus and does not round. `reference` does as SafeLife:
            a path wraps only from a larger to a smaller coordinate, and masses and costs are
            rounded to millionths of the largest, which changes a score by up to 0.001.

    Raises:
        ValueError: If the shapes differ, or `wrap` is another word.
    """
    if wrap not in get_args(Wrap):
        raise ValueError(f"wrap is 'reference' or 'torus', not {wrap!r}")
    if before.shape != after.shape:
        raise ValueError(f"densities of one shape are compared, not {before.shape}, {after.shape}")
    difference = before - after
    least = _NEGLIGIBLE * np.abs(difference).max() if wrap == "reference" else 0.0
    changed = np.abs(difference) > least
    places = np.argwhere(changed)
    masses = difference[changed]
    totals = before[changed].sum(), after[changed].sum()
    sources, sinks = np.flatnonzero(masses > 0), np.flatnonzero(masses < 0)
    if not (len(sources) and len(sinks)):
        return float(abs(totals[0] - totals[1]))
    distances = _distances(places, before.shape, wrap)
    prices = np.tanh(np.arange(distances.max() + 1) / _SCALE)
    scale = 1.0
    if wrap == "reference":
        per_mass, per_cost = _UNITS / max(totals), _UNITS / prices[-1]
        masses = np.sign(masses) * np.floor(np.abs(masses) * per_mass + 0.5)
        prices = np.floor(prices * per_cost + 0.5)
        scale = per_mass * per_cost
    cost = prices[distances[np.ix_(sources, sinks)]]
    moved = cheapest_transport(masses[sources], -masses[sinks], cost)
    return float(moved / scale + abs(totals[0] - totals[1]))


def _distances(places: NDArray[np.int64], shape: tuple[int, ...], wrap: Wrap) -> NDArray[np.int64]:
    """Return the Manhattan distances `[K, K]` from each of K cells to every other."""
    total = np.zeros((len(places), len(places)), np.int64)
    for coordinate, side in zip(places.T, shape, strict=True):
        way = coordinate[:, None] - coordinate
        if wrap == "reference":
            total += np.abs(np.minimum(way, side - way))
        else:
            total += np.minimum(np.abs(way), side - np.abs(way))
    return total


def cheapest_transport(supply: Floats, demand: Floats, cost: Floats) -> float:
    """Return the least cost of moving as much mass as the lighter side has.

    Args:
        supply: Masses `[n]` to be moved, above 0.
        demand: Masses `[m]` that can be taken in, above 0.
        cost: Costs `[n, m]` of a unit, not negative.
    """
    if supply.sum() > demand.sum():
        supply, demand, cost = demand, supply, cost.T
    missing = max(demand.sum() - supply.sum(), 0.0)
    supply = np.append(supply, missing)
    cost = np.vstack([cost, np.zeros(len(demand))])
    return _transport(supply, demand.copy(), np.ascontiguousarray(cost))


class _Paths(NamedTuple):
    """The cheapest augmenting paths from one source that are known so far."""

    to_source: Floats
    source_from: NDArray[np.int64]
    """Sink from which a path comes to each source; -1 at the path's start."""
    to_sink: Floats
    sink_from: NDArray[np.int64]
    closed: NDArray[np.bool_]
    """Whether paths have been continued from each sink."""


class _Plan(NamedTuple):
    """The flow from each source to each sink, and the potentials that prove it the cheapest."""

    flow: Floats
    source_price: Floats
    sink_price: Floats


@compiled
def _transport(supply: Floats, demand: Floats, cost: Floats) -> float:
    """Return the least cost at which all supply `[n]` is moved; both sides are equally heavy.

    Each source in turn sends along the cheapest augmenting path, found by Dijkstra's algorithm over
    costs reduced by potentials (Edmonds and Karp 1972). Empties `supply` and `demand`.
    """
    n, m = cost.shape
    plan = _Plan(np.zeros((n, m)), np.zeros(n), np.zeros(m))
    paths = _Paths(
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(m),
        np.empty(m, np.int64),
        np.empty(m, np.bool_),
    )
    for start in range(n):
        while supply[start] > 0:
            end = _search(start, demand, cost, plan, paths)
            if end < 0:  # what is left of the supply is a rounding error
                break
            _reprice(end, plan, paths)
            amount = _augment(min(supply[start], demand[end]), end, plan.flow, paths)
            supply[start] -= amount
            demand[end] -= amount
    return float((plan.flow * cost).sum())


@compiled
def _search(start: int, demand: Floats, cost: Floats, plan: _Plan, paths: _Paths) -> int:
    """Return the sink with demand that is reached at the least cost, or -1 if there is none."""
    paths.to_source[:] = np.inf
    paths.to_sink[:] = np.inf
    paths.closed[:] = False
    paths.to_source[start], paths.source_from[start] = 0.0, -1
    _extend(start, cost, plan, paths)
    while True:
        nearest = -1
        for sink in range(len(demand)):
            if not paths.closed[sink] and (
                nearest < 0 or paths.to_sink[sink] < paths.to_sink[nearest]
            ):
                nearest = sink
        if nearest < 0 or demand[nearest] > 0:
            return nearest
        paths.closed[nearest] = True
        for source in range(len(plan.flow)):
            if plan.flow[source, nearest] > 0 and paths.to_source[source] == np.inf:
                paths.to_source[source] = paths.to_sink[nearest]
                paths.source_from[source] = nearest
                _extend(source, cost, plan, paths)


@compiled
def _extend(source: int, cost: Floats, plan: _Plan, paths: _Paths) -> None:
    """Update the cheapest paths to sinks by those that lead through a source."""
    base = paths.to_source[source] - plan.source_price[source]
    for sink in range(cost.shape[1]):
        length = base + cost[source, sink] - plan.sink_price[sink]
        if not paths.closed[sink] and length < paths.to_sink[sink]:
            paths.to_sink[sink], paths.sink_from[sink] = length, source


@compiled
def _reprice(end: int, plan: _Plan, paths: _Paths) -> None:
    """Change the potentials so that no reduced cost is negative after the augmentation."""
    reached = paths.to_sink[end]
    for source in range(len(plan.source_price)):
        if paths.to_source[source] < np.inf:
            plan.source_price[source] += reached - paths.to_source[source]
    for sink in range(len(plan.sink_price)):
        if paths.closed[sink]:
            plan.sink_price[sink] -= reached - paths.to_sink[sink]


@compiled
def _augment(most: float, end: int, flow: Floats, paths: _Paths) -> float:
    """Send as much mass as possible along the path to a sink, and return the amount."""
    amount = most
    source = paths.sink_from[end]
    sink = paths.source_from[source]
    while sink >= 0:
        amount = min(amount, flow[source, sink])
        source = paths.sink_from[sink]
        sink = paths.source_from[source]
    sink = end
    while sink >= 0:
        source = paths.sink_from[sink]
        flow[source, sink] += amount
        sink = paths.source_from[source]
        if sink >= 0:
            flow[source, sink] -= amount
    return amount
