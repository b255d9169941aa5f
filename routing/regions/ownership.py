"""Which elements of a model's parameters belong to a region."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from chisel.routing.regions.exclusive import Exclusive
from chisel.routing.regions.region import Part, Regions
from chisel.routing.regions.module_order import producer, tensor_of
from chisel.routing.regions.layers import counts_units, is_transposed_linear, widths


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
    - of a module whose whole output it has: all parameters inside;
    - of consumers: the columns that read its units;
    - where the network was recorded: all elements that act through its units alone.

    Rows of one region and columns of another cross: such an element is masked by both, and belongs
    to both.

    Args:
        model: The network.
        regions: Found on it.
        found: What `exclusive` says of them, if there is a recording.
    """
    masks = Owned(declared(model, regions))
    for region, elements in ({} if found is None else found.regions).items():
        for name, mask in elements.items():
            by_region = masks.setdefault(name, {})
            by_region[region] = mask | by_region.get(region, torch.zeros_like(mask))
    return masks


def declared(model: nn.Module, regions: Regions) -> dict[str, dict[str, Tensor]]:
    """What regions own as far as the order of modules tells; see `owned`."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, dict[str, Tensor]] = {}
    for region in regions.values():
        for part in region.parts:
            for parameter, elements in _elements(model, part):
                masks = found.setdefault(names[id(parameter)], {})
                mine, before = elements.cpu(), masks.get(region.name)
                masks[region.name] = mine if before is None else before | mine
    return found


def maker(model: nn.Module, part: Part) -> str | None:
    """The layer whose rows make the part's units: its module, or the one before an activation."""
    if part.at == "parameters":
        return part.module
    place = tensor_of(model, part.module, "output") if part.at == "output" else part.module
    name: str | None = place
    if part.at == "input" or widths(model.get_submodule(place)) is None:
        name = producer(model, place, part.at)
    if name is None:
        return None
    layer = model.get_submodule(name)
    made = widths(layer)
    assert made is not None  # layers make units
    if "weight" not in layer._parameters:  # it is computed of others (`weight_norm`)
        return None
    return name if counts_units(layer, part.axis) and part.size == made.output else None


def _elements(model: nn.Module, part: Part) -> Iterator[tuple[Tensor, Tensor]]:
    layer = maker(model, part)
    if layer is not None:
        yield from _rows(model.get_submodule(layer), part.units)
    if part.whole and part.at == "output":
        for parameter in model.get_submodule(part.module).parameters():
            yield parameter, torch.ones_like(parameter, dtype=torch.bool)
    for name in part.consumers:
        yield _second_axis(model.get_submodule(name), part.columns(model, name))


def _rows(module: nn.Module, units: tuple[int, ...]) -> Iterator[tuple[Tensor, Tensor]]:
    """Elements of weight and bias that make these units of the output."""
    for parameter in module.parameters(recurse=False):
        transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
        if parameter.dim() > 1 and (transposed or is_transposed_linear(module)):
            yield _second_axis(module, units)  # its weight is [in, out / groups, …]
            continue
        mask = torch.zeros_like(parameter, dtype=torch.bool)
        mask[list(units)] = True
        yield parameter, mask


def _second_axis(module: nn.Module, units: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Elements of a weight `[n, units / groups, …]` that belong to these units."""
    weight = module.get_parameter("weight")
    mask = torch.zeros_like(weight, dtype=torch.bool)
    groups = module.groups if isinstance(module, nn.modules.conv._ConvNd) else 1
    by_group = mask.view(groups, -1, *mask.shape[1:])
    for unit in units:
        group, place = divmod(unit, weight.shape[1])
        by_group[group, :, place] = True
    return weight, mask
