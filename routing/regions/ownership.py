"""Find the elements of a model's parameters that belong to a region."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from chisel.routing.regions.exclusive import Exclusive
from chisel.routing.regions.module_order import producer
from chisel.routing.regions.region import Part, Regions
from chisel.routing.sites.layers import (
    column_mask,
    counts_units,
    innermost,
    is_transposed_linear,
    widths,
)


class Owned(dict[str, dict[str, Tensor]]):
    """By parameter name and region, a mask (bool, in the parameter's shape, on the CPU) of its
    elements.
    """

    unprotected: tuple[str, ...] = ()
    """Regions that may move in steps in which no gradient of theirs is let through."""


def owned(model: nn.Module, regions: Regions, found: Exclusive | None = None) -> Owned:
    """Collect the elements of parameters that belong to each region.

    A region owns

    - of a layer whose output or parameters it has: the rows of weight and bias that make its units;
    - of the layer before an activation that it has (in an `nn.Sequential`, with nothing but
      elementwise modules between): the same;
    - of a module whose whole output it has (not an element of it): all parameters inside;
    - of consumers: the columns that read its units;
    - where the network was recorded: all elements that act through its units alone.

    Rows of one region and columns of another cross: such an element is masked by both, and belongs
    to both.

    Args:
        model: The network.
        regions: Regions resolved on it.
        found: What `exclusive` found, if there is a recording.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    claims = [
        (region.name, names[id(parameter)], mask)
        for region in regions.values()
        for part in region.parts
        for parameter, mask in _elements(model, part)
    ]
    for region_name, elements in ({} if found is None else found.regions).items():
        claims += [(region_name, name, mask) for name, mask in elements.items()]
    masks = Owned()
    for region_name, name, mask in claims:
        mine = masks.setdefault(name, {})
        mine[region_name] = mask | mine[region_name] if region_name in mine else mask
    return masks


def maker(model: nn.Module, part: Part) -> str | None:
    """Return the layer whose rows make the part's units: its module, or one before an activation.

    None if there is no such layer, or its weight is computed (`weight_norm`).
    """
    if part.at == "parameters":
        return part.module
    place = innermost(model, part.module, "output") if part.at == "output" else part.module
    name: str | None = place
    if part.at == "input" or widths(model.get_submodule(place)) is None:
        name = producer(model, place, part.side)
    if name is None:
        return None
    layer = model.get_submodule(name)
    made = widths(layer)
    assert made is not None  # layers make units
    fits = counts_units(layer, part.axis) and part.size == made.output
    return name if fits and "weight" in layer._parameters else None


def _elements(model: nn.Module, part: Part) -> Iterator[tuple[Tensor, Tensor]]:
    """Parameters, each with a mask of the elements that a part owns by its modules."""
    layer = maker(model, part)
    if layer is not None:
        yield from _rows(model.get_submodule(layer), part)
    if part.whole and part.at == "output" and part.element is None:
        for parameter in model.get_submodule(part.module).parameters():
            yield parameter, torch.ones(parameter.shape, dtype=torch.bool)
    for name in part.consumers:
        weight = model.get_submodule(name).get_parameter("weight")
        yield weight, column_mask(part.columns(model, name), weight.shape)


def _rows(module: nn.Module, part: Part) -> Iterator[tuple[Tensor, Tensor]]:
    """Elements of weight and bias that make a part's units of the output."""
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    transposed |= is_transposed_linear(module)  # its weight is [in, out / groups, …]
    for parameter in module.parameters(recurse=False):
        if transposed and parameter.dim() > 1:
            yield parameter, column_mask(part.mask, parameter.shape)
        else:
            mask = torch.zeros(parameter.shape, dtype=torch.bool)
            mask[list(part.units)] = True
            yield parameter, mask
