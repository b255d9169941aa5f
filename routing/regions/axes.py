"""Find the axis of an activation's units, and their number."""

from __future__ import annotations

from torch import nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.module_order import neighbour_of
from chisel.routing.regions.operations import ELEMENTWISE, MOVING, UNITS_FIRST, UNITS_LAST
from chisel.routing.regions.recording import Recording
from chisel.routing.sites import Site, own_axis
from chisel.routing.sites.layers import axis_of, counts_units, widths


def axis_for(model: nn.Module, site: Site, recording: Recording | None) -> int:
    """Return the axis of the units at a site; if the site has one, check it.

    The type of a layer says its axis. An activation function or a container has the axis of the
    layer that computes its units.

    Args:
        model: The network.
        site: The site.
        recording: Recording of the network, if there is an example.

    Raises:
        RoutingError: If the layer's units cannot be on the given axis, or the axis cannot be found.
    """
    name, side, given = site.module, site.side, site.axis
    shape = None if recording is None else recording.shape_at(name, side, site.element)
    if given is not None:
        own = own_axis(model, site)
        if own is not None and not _same(given, own, None if shape is None else len(shape)):
            raise RoutingError(
                f"{site.where} has its units on axis {own if own == -1 else 1}, "
                f"not {given}: leave axis out"
            )
        return given
    own = axis_of(model.get_submodule(name))
    if own is not None:
        return own if own == -1 else 1
    if recording is None or shape is None:
        neighbour = neighbour_of(model, name, side)
        return -1 if neighbour is not None and axis_of(neighbour[0]) == -1 else 1
    traced = None if len(shape) == 2 else _traced(recording, recording.at[name, side, site.element])
    if traced is None and len(shape) == 3:
        raise RoutingError(
            f"{site.where} has shape {list(shape)}, and the axis of its units cannot be found: "
            "give axis: -1 for tokens [B, T, units], axis: 1 for channels [B, units, L]"
        )
    return 1 if traced is None else traced


def unit_count(model: nn.Module, site: Site, axis: int, recording: Recording | None) -> int:
    """Return the number of units at a site.

    Without a recording, a layer's attributes say the number. For a module without such attributes
    (an activation function, a sum, a container) those of a neighbouring layer do. The number is
    checked when the network first runs.

    Args:
        model: The network.
        site: The site.
        axis: Axis of the units.
        recording: Recording of the network, if there is an example.

    Raises:
        RoutingError: If the number cannot be found, or the tensor has no such axis.
    """
    name, side = site.module, site.side
    if recording is not None:
        shape = recording.shape_at(name, side, site.element)
        if shape is None:
            raise RoutingError(
                f"{site.where} is not one tensor of floats: give element for one of several, or "
                "choose a module inside"
            )
        if not -len(shape) < axis < len(shape):
            raise RoutingError(f"{site.where} has shape {list(shape)}, no axis {axis}")
        return shape[axis]
    module = model.get_submodule(name)
    if isinstance(module, nn.Embedding):
        found = module.embedding_dim if side == "output" and axis == -1 else None
    elif (own := widths(module)) is None:
        neighbour = neighbour_of(model, name, side)
        found = None if neighbour is None else neighbour[1]
    else:
        found = getattr(own, side) if counts_units(module, axis) else None
    if found is None:
        raise RoutingError(
            f"the number of units of {site.where} on axis {axis} cannot be found; give attach an "
            "`example` input"
        )
    return found


def _same(given: int, own: int, rank: int | None) -> bool:
    """Return whether two numbers may mean the same axis of a tensor with `rank` axes.

    Without a rank, a given axis of 1 is accepted; it is checked when the network runs.
    """
    if rank is None:
        return given in (1, own)
    return -rank <= given < rank and given % rank == own % rank


def _traced(recording: Recording, value: int) -> int | None:
    """Follow a value back to the layer that computed its units, and return that layer's axis.

    It is None if an operation on the way may have moved the units to another axis.
    """
    makers = recording.makers()
    may_be_first = True
    while (op := makers.get(value)) is not None and op.tensors:
        before, after = recording.shapes[op.tensors[0]], recording.shapes[value]
        if op.name in UNITS_LAST:
            return -1
        if op.name in UNITS_FIRST:
            return 1 if may_be_first else None
        if op.name in MOVING:
            if not before or not after or before[-1] != after[-1]:
                return None
            may_be_first = False
        elif op.name not in ELEMENTWISE or before != after:
            return None
        value = op.tensors[0]
    return None
