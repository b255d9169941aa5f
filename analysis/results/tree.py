"""Estimates in a tree of names, so that those of several seeds can be combined."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from chisel.analysis.results.estimates import Estimate, estimate_over_seeds

Tree: TypeAlias = Mapping[str, "Tree | Estimate"]


def branch(tree: Tree, *names: str) -> Tree:
    """Return the branch under some names, one within the other.

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
    """Return the estimates directly under some names."""
    under = branch(tree, *names)
    return {name: value for name, value in under.items() if isinstance(value, Estimate)}


def over_seeds(trees: Sequence[Tree]) -> Tree:
    """Return the `estimate_over_seeds` of each quantity that every run has.

    Args:
        trees: Results of runs that differ in their seed only; a lone one is returned as it is.
    """
    if len(trees) == 1:
        return trees[0]
    combined: dict[str, Tree | Estimate] = {}
    for name in trees[0]:
        members = [tree[name] for tree in trees if name in tree]
        estimates = [one for one in members if isinstance(one, Estimate)]
        if len(members) == len(trees):
            combined[name] = (
                estimate_over_seeds(estimates)
                if estimates
                else over_seeds([one for one in members if not isinstance(one, Estimate)])
            )
    return combined


def to_plain(tree: Tree) -> dict[str, Any]:
    """Return plain values for JSON, with `None` for NaN and infinity."""
    return {name: _plain(value) for name, value in tree.items()}


def to_frame(tree: Tree) -> pd.DataFrame:
    """Return a row for each estimate: `name` (names joined by slashes), value, low, high, n."""
    rows = [(name, one.value, one.low, one.high, one.n) for name, one in _flat(tree)]
    return pd.DataFrame(rows, columns=["name", "value", "low", "high", "n"])


def _flat(tree: Tree) -> Iterator[tuple[str, Estimate]]:
    for name, value in tree.items():
        if isinstance(value, Estimate):
            yield name, value
        else:
            yield from ((f"{name}/{rest}", one) for rest, one in _flat(value))


def _plain(value: Tree | Estimate) -> dict[str, Any]:
    if not isinstance(value, Estimate):
        return to_plain(value)
    return {k: None if v is not None and math.isinf(v) else v for k, v in value.to_plain().items()}
