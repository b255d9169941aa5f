"""Check that regions which are closed to a label can be kept unchanged.

A region is closed to a label if the label's gradient has weight 0 there.
"""

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
    """A region was declared unprotected: its parameters may change when they should not."""


def require_protected(
    model: nn.Module,
    rules: Rules,
    owned: Owned,
    found: Exclusive | None,
    unprotected: Collection[str],
    freeze: bool,
) -> tuple[str, ...]:
    """Check that every region which is closed to a label can be kept unchanged.

    Args:
        model: The network.
        rules: Weights by label and region.
        owned: Elements of parameters that the regions own.
        found: Elements that act only through a region's units, if the network was recorded.
        unprotected: Regions that are allowed to change; a warning names each.
        freeze: Whether regions without gradient must stay unchanged.

    Returns:
        Names of the regions that may change.

    Raises:
        RoutingError: If a closed region owns no parameter, or one of its parameters also acts on a
            way without a mask. Also if a region is declared unprotected without need.
    """
    for name in unprotected:
        if name not in rules.regions:
            raise RoutingError(f"unprotected: no region {name!r}; {hint(name, rules.regions)}")
    movable = []
    for region in rules.regions:
        problem = _problem(model, region, owned, found)
        if problem is None and region in unprotected:
            raise RoutingError(
                f"unprotected: the parameters of region {region} can be kept unchanged; leave it "
                "out"
            )
        if problem is None:
            continue
        if region in unprotected:
            warnings.warn(f"region {region} is unprotected: {problem}", UnprotectedRegion, 3)
        elif freeze and rules.closes(region):
            raise RoutingError(
                f"region {region} is closed to a label and cannot be kept unchanged: {problem}; or "
                f"set unprotected: [{region}]"
            )
        movable.append(region)
    return tuple(movable)


def _problem(model: nn.Module, region: str, owned: Owned, found: Exclusive | None) -> str | None:
    """Return a line that says why a region may change, and what would help; None if it cannot."""
    mine = {name: masks[region] for name, masks in owned.items() if region in masks}
    for name in mine:
        problem = _problem_in_layer(model, name, mine)
        if problem is not None:
            return problem
    if found is None:
        if mine:
            return None
        return "its parameters cannot be found without an example; give attach an example input"
    for name, mask in mine.items():
        closed = found.regions[region].get(name, torch.zeros_like(mask)) | found.idle[name]
        if (mask & ~closed).any():
            return (
                f"{name} acts through its units and also on a way without a mask; add that module "
                "to the region"
            )
    loose = found.loose(region)
    if found.regions[region] and loose is not None:
        return (
            f"{loose[1]} computes its units from {loose[0]}, which may also act in other ways; "
            "compute them with a layer that is used once"
        )
    if found.regions[region]:
        return None
    return (
        "no parameter acts only through its units; route the module that computes them, or add the "
        "other modules that read them"
    )


def _problem_in_layer(model: nn.Module, name: str, mine: Collection[str]) -> str | None:
    """Return why a layer may change although the region owns this parameter; None if it cannot."""
    place, _, own_name = name.rpartition(".")
    layer = model.get_submodule(place)
    if getattr(layer, "max_norm", None) is not None:
        return f"{place} changes its weight in every forward (max_norm)"
    others = {f"{place}.{other}" for other, _ in layer.named_parameters()} - {name}
    if own_name == "bias" and widths(layer) is not None and others and others.isdisjoint(mine):
        return (
            f"only the bias of {place} acts only through its units: its weight is computed from "
            "more than their rows, or read in a way that cannot be followed"
        )
    return None
