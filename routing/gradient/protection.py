"""Check that regions which rules close can be kept still."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import torch
from torch import nn

from chisel.routing.errors import RoutingError, hint
from chisel.routing.gradient.rules import Rules
from chisel.routing.regions.exclusive import Exclusive
from chisel.routing.regions.ownership import Owned
from chisel.routing.sites.layers import widths


class UnprotectedRegion(UserWarning):
    """A region was declared unprotected: its parameters may move when they should not."""


def require_protected(
    model: nn.Module,
    rules: Rules,
    owned: Owned,
    found: Exclusive | None,
    unprotected: Collection[str],
    freeze: bool,
) -> tuple[str, ...]:
    """Check that every region which is closed to a label can be kept still.

    Args:
        model: The network.
        rules: The table of labels and regions.
        owned: Elements of parameters that the regions own.
        found: Elements that act through their units alone, if the network was recorded.
        unprotected: Regions that may move all the same; a warning names each.
        freeze: Whether regions without gradient are to rest at all.

    Returns:
        The regions that own nothing, and those declared unprotected.

    Raises:
        RoutingError: A closed region owns nothing, or a parameter of it is used where no mask is;
            or a region is declared unprotected without need.
    """
    for name in unprotected:
        if name not in rules.regions:
            raise RoutingError(f"unprotected: no region {name!r}; {hint(name, rules.regions)}")
    movable = []
    for region in rules.regions:
        problem = _problem(model, region, owned, found)
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
        movable.append(region)
    return tuple(movable)


def _problem(model: nn.Module, region: str, owned: Owned, found: Exclusive | None) -> str | None:
    """Say in one line what of a region can move, and what would help; None if nothing can."""
    mine = {name: masks[region] for name, masks in owned.items() if region in masks}
    for name in mine:
        problem = _problem_in_layer(model, name, mine)
        if problem is not None:
            return problem
    if found is None:
        if mine:
            return None
        return "nothing tells which parameters make its units; give attach an example input"
    for name, mask in mine.items():
        closed = found.regions[region].get(name, torch.zeros_like(mask)) | found.idle[name]
        if (mask & ~closed).any():
            return (
                f"{name} acts through its units and also on a way without a mask; add that place "
                "to the region"
            )
    loose = found.loose(region)
    if found.regions[region] and loose is not None:
        return (
            f"{loose[1]} makes its units of {loose[0]}, of which nothing acts through them alone "
            "as far as can be followed; make them with a layer that is used once"
        )
    if found.regions[region]:
        return None
    return (
        "no parameter acts through its units alone; route the module that makes them, or add the "
        "other places where they are read"
    )


def _problem_in_layer(model: nn.Module, name: str, mine: Collection[str]) -> str | None:
    """Say why a layer would move although the region has this parameter of it; None if it rests."""
    place, _, own_name = name.rpartition(".")
    layer = model.get_submodule(place)
    if getattr(layer, "max_norm", None) is not None:
        return f"{place} changes its weight in every forward (max_norm)"
    others = {f"{place}.{other}" for other, _ in layer.named_parameters()} - {name}
    if own_name == "bias" and widths(layer) is not None and others and others.isdisjoint(mine):
        return (
            f"nothing of {place} but its bias acts through its units alone: its weight is computed "
            "from more than their rows, or read in a way that cannot be followed"
        )
    return None
