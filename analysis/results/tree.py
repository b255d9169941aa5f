"""Results as estimates under names, so that those of several seeds can be joined."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from chisel.analysis.results.estimates import Estimate, mean_over_seeds
from chisel.analysis.results.frame import Frame

Tree: TypeAlias = Mapping[str, "Tree | Estimate"]


def branch(tree: Tree, *names: str) -> Tree:
    """What lies under some names.

    Raises:
        KeyError: If there is no such branch.
    """
    for name in names:
        under = tree[name]
        if isinstance(under, Estimate):
            raise KeyError(name)
        tree = under
    return tree


def leaves(tree: Tree, *names: str) -> dict[str, Estimate]:
    """The estimates directly under some names."""
    under = branch(tree, *names)
    return {name: value for name, value in under.items() if isinstance(value, Estimate)}


def over_seeds(trees: Sequence[Tree]) -> Tree:
    """Means over runs with Student's t intervals in each quantity's range; a lone tree as it is.

    Only what every run has is kept. A value that is not finite in some run stays so, without an
    interval.

    Args:
        trees: Of runs that differ in their seed only.
    """
    if len(trees) == 1:
        return trees[0]
    joined: dict[str, Tree | Estimate] = {}
    for name, first in trees[0].items():
        members = [tree[name] for tree in trees if name in tree]
        if len(members) < len(trees):
            continue
        if isinstance(first, Estimate):
            joined[name] = _mean([m for m in members if isinstance(m, Estimate)])
        else:
            joined[name] = over_seeds([m for m in members if not isinstance(m, Estimate)])
    return joined


def to_plain(tree: Tree) -> dict[str, Any]:
    """For JSON, which knows neither nan nor infinity: null."""
    return {name: _plain(value) for name, value in tree.items()}


def to_frame(tree: Tree) -> Frame:
    """A row for each estimate: `name` (its names, with slashes between), value, low, high, n."""
    rows = [
        {"name": name, "value": one.value, "low": one.low, "high": one.high, "n": one.n}
        for name, one in _flat(tree)
    ]
    return Frame.of_rows(rows)


def _flat(tree: Tree) -> Iterator[tuple[str, Estimate]]:
    for name, value in tree.items():
        if isinstance(value, Estimate):
            yield name, value
        else:
            yield from ((f"{name}/{rest}", one) for rest, one in _flat(value))


def _mean(values: Sequence[Estimate]) -> Estimate:
    strange = [value.value for value in values if not math.isfinite(value.value)]
    if strange:
        return Estimate(strange[0], math.nan, math.nan, len(values))
    return mean_over_seeds([value.value for value in values], within=values[0].within)


def _plain(value: Tree | Estimate) -> dict[str, Any]:
    if not isinstance(value, Estimate):
        return to_plain(value)
    return {k: None if v is not None and math.isinf(v) else v for k, v in value.to_plain().items()}
