"""Whether regions that rules close can be kept still, and what is said where they can't."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator

import torch

from chisel.routing.errors import RoutingError, hint
from chisel.routing.gradient.rules import Rules
from chisel.routing.regions.exclusive import Exclusive
from chisel.routing.regions.ownership import Owned


class UnprotectedRegion(UserWarning):
    """A region was declared unprotected: its parameters may move when they should not."""


def require_protected(
    rules: Rules, owned: Owned, found: Exclusive | None, unprotected: Collection[str], freeze: bool
) -> tuple[str, ...]:
    """See to it that every region which is closed to a label can be kept still.

    Args:
        rules: The table of labels and regions.
        owned: What the regions own.
        found: What acts through their units alone, if the network was recorded.
        unprotected: Regions that may move all the same; each is warned of.
        freeze: Whether regions without gradient are to rest at all.

    Returns:
        The regions that own nothing, and those declared unprotected.

    Raises:
        RoutingError: A closed region owns nothing, or something of it is used where no mask is; or
            a region is declared unprotected without need.
    """
    for name in unprotected:
        if name not in rules.regions:
            raise RoutingError(f"unprotected: no region {name!r}; {hint(name, rules.regions)}")
    loose = []
    for region in rules.regions:
        problem = _problem(region, owned, found)
        if problem is None and region in unprotected:
            raise RoutingError(
                f"unprotected: nothing is wrong with region {region}, its parameters can be kept "
                "still; leave it out"
            )
        if problem is None:
            continue
        if region in unprotected:
            warnings.warn(f"region {region} is unprotected: {problem}", UnprotectedRegion, 3)
        elif freeze and rules.closes(region):
            raise RoutingError(
                f"region {region} is closed to a label and cannot be kept still: {problem}; or "
                f"say unprotected: [{region}]"
            )
        loose.append(region)
    return tuple(loose)


def _problem(region: str, owned: Owned, found: Exclusive | None) -> str | None:
    """One line on what of a region can move, and what would help."""
    mine = {name: masks[region] for name, masks in owned.items() if region in masks}
    if found is None:
        if mine:
            return None
        return "nothing tells which parameters make its units; give attach an example input"
    for name in _open(region, mine, found):
        return (
            f"{name} acts through its units and also on a way without a mask; add that place to "
            "the region"
        )
    if found.regions.get(region):
        return None
    return (
        "no parameter acts through its units alone; route the module that makes them, or add the "
        "other places where they are read"
    )


def _open(region: str, mine: dict[str, torch.Tensor], found: Exclusive) -> Iterator[str]:
    """Parameters with elements that a region has by its modules, and the graph does not confirm."""
    for name, mask in mine.items():
        closed = found.regions[region].get(name, torch.zeros_like(mask)) | found.idle[name]
        if (mask & ~closed).any():
            yield name
