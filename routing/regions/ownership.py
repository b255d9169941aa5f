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
    """Masks of the elements that regions own, by parameter name and region.

    A mask has bools in the parameter's shape, on the CPU.
    """

    unprotected: tuple[str, ...] = ()
    """Regions that may change in steps whose gradient is routed away from them."""


def owned(model: nn.Module, regions: Regions, found: Exclusive | None = None) -> Owned:
    """Collect the elements of parameters that belong to each region.

    A region owns

    - in a layer whose output or parameters it has: the rows of weight and bias that compute its
      units;
    - in the layer before an activation function whose output it has (in an `nn.Sequential`, with
      only elementwise modules between): the same;
    - in a module whose whole output it has (not an element of it): all parameters;
    - in consumers: the columns that read its units;
    - if the network was recorded: all elements that act only through its units.

    An element in a row of one region and a column of another belongs to both, and both mask it.

    Args:
        model: The network.
        regions: Regions resolved on it.
        found: Result of `exclusive`, if there is a recording.
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
    """Return the layer whose rows compute a part's units.

    It is the part's module, or a layer before it if the module is an activation function. None if
    there is no such layer, or its weight is computed (`weight_norm`).
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
    assert made is not None  # a layer has a number of units
    fits = counts_units(layer, part.axis) and part.size == made.output
    return name if fits and "weight" in layer._parameters else None


def _elements(model: nn.Module, part: Part) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield parameters of a part's modules, each with a mask of the elements that the part owns."""
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
    """Yield weight and bias of a layer, each with a mask of the elements that compute the units."""
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    transposed |= is_transposed_linear(module)  # its weight is [in, out / groups, …]
    for parameter in module.parameters(recurse=False):
        if transposed and parameter.dim() > 1:
            yield parameter, column_mask(part.mask, parameter.shape)
        else:
            mask = torch.zeros(parameter.shape, dtype=torch.bool)
            mask[list(part.units)] = True
            yield parameter, mask
