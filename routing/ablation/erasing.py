"""Switch regions off for good by zero weights; the network keeps its shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from chisel.routing.ablation.ablate import ablated_outputs, require_ablated
from chisel.routing.errors import RoutingError
from chisel.routing.regions.examples import outputs_of
from chisel.routing.regions.exclusive import exclusive
from chisel.routing.regions.module_order import producer
from chisel.routing.regions.operations import KEEPS_ZERO_MODULES
from chisel.routing.regions.ownership import owned
from chisel.routing.regions.recording import record
from chisel.routing.regions.region import Part, Region, Regions, parts_of


def erase(
    model: nn.Module, regions: Mapping[str, Region], names: Iterable[str], example: Any = None
) -> None:
    """Set the weights that regions own to zero, so that the regions stay switched off.

    A region owns the rows that compute its units, the columns of its consumers, and all parameters
    of a module whose whole output it is (`Router.owned`). The network then computes the same as
    with the regions ablated to zero. This is certain if no weights are tied and the region is the
    output or the parameters of a Linear or Conv2d, or the output of an activation function after
    one in an `nn.Sequential`. Otherwise it is verified with an example.

    Args:
        model: The network, changed in place.
        regions: Regions by name.
        names: Names of the regions to erase.
        example: An input of the model, or a tuple of its inputs.

    Raises:
        RoutingError: If a region is unknown, an example is needed and not given, or zero weights
            don't do what ablating does (a gate's units; `prune_units` removes those). The model is
            then unchanged.
    """
    parts = parts_of(regions, names)
    if example is None:
        for part in parts:
            if not _is_certain(model, part):
                raise RoutingError(
                    f"zero weights may not switch off the {part.at} of {part.module}: give erase "
                    "an example input, so that it can be verified"
                )
        _zero(model, regions, names, None)
        return
    expected = ablated_outputs(model, regions, names, example)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    _zero(model, regions, names, example)
    try:
        require_ablated(outputs_of(model, example), expected, "with zero weights")
    except RoutingError:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(before[name])
        raise


def _zero(
    model: nn.Module, regions: Mapping[str, Region], names: Iterable[str], example: Any
) -> None:
    chosen = Regions([regions[name] for name in names])
    found = None
    if example is not None:
        found = exclusive(model, record(model, example, chosen.sites()), chosen)
    masks = owned(model, chosen, found)
    with torch.no_grad():
        for parameter, by_region in masks.items():
            for mask in by_region.values():
                weights = model.get_parameter(parameter)
                weights.masked_fill_(mask.to(weights.device), 0)


def _is_certain(model: nn.Module, part: Part) -> bool:
    """Return whether zero rows make a part's units zero in any network."""
    names = list(model.named_parameters(remove_duplicate=False))
    if len(list(model.parameters())) < len(names):
        return False  # weights are tied: zeros here would be zeros elsewhere too
    if part.at != "input" and isinstance(model.get_submodule(part.module), nn.Linear | nn.Conv2d):
        return True
    if part.at == "parameters":
        return False
    return producer(model, part.module, part.side, KEEPS_ZERO_MODULES) is not None
