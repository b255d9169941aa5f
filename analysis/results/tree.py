"""Estimates in mappings by name, so that those of several seeds can be joined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from chisel.analysis.results.estimates import Estimate, estimate_over_seeds

Tree: TypeAlias = Mapping[str, Any]
"""Estimates in mappings within mappings, by names."""


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
    joined: dict[str, Any] = {}
    for name, first in trees[0].items():
        members = [tree[name] for tree in trees if name in tree]
        if len(members) == len(trees):
            join = estimate_over_seeds if isinstance(first, Estimate) else over_seeds
            joined[name] = join(members)
    return joined


def to_plain(tree: Tree) -> dict[str, Any]:
    """Return plain values for JSON, with `None` for NaN and infinity."""
    return {name: _plain(value) for name, value in tree.items()}


def _plain(value: Tree | Estimate) -> dict[str, Any]:
    if not isinstance(value, Estimate):
        return to_plain(value)
    return {k: None if v is not None and math.isinf(v) else v for k, v in value.to_plain().items()}
