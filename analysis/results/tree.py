"""Estimates in mappings by name, so that those of several seeds can be joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from chisel.analysis.results.estimates import Estimate, estimate_over_seeds

Tree: TypeAlias = Mapping[str, Any]
"""Estimates in mappings within mappings, by names."""


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
