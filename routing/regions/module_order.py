"""Guess layers that compute a module's units from the order of modules, without an example."""

from __future__ import annotations

from torch import nn

from chisel.routing.regions.operations import ELEMENTWISE_MODULES, REARRANGING_MODULES
from chisel.routing.sites.layers import Side, widths


def producer(
    model: nn.Module,
    name: str,
    side: Side,
    through: tuple[type[nn.Module], ...] = ELEMENTWISE_MODULES,
) -> str | None:
    """Return another layer whose row `u` alone computes unit `u` of a module's input or output.

    In an `nn.Sequential` this is the Linear or Conv2d before that place, if only modules of the
    types `through` lie between them. Otherwise it is None.

    Args:
        model: The network.
        name: Name of the module.
        side: Whether the units are in the module's output or its input.
        through: Types of modules that compute each unit from the same unit.
    """
    parent_name, _, child_name = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    if type(parent) is not nn.Sequential:
        return None
    children = list(parent.named_children())
    place = [child for child, _ in children].index(child_name)
    last = place if side == "output" else place - 1
    for child, module in reversed(children[: last + 1]):
        if isinstance(module, nn.Linear | nn.Conv2d):
            return f"{parent_name}.{child}".lstrip(".") if child != child_name else None
        if not isinstance(module, through):
            return None
    return None


def neighbour_of(model: nn.Module, name: str, side: Side) -> tuple[nn.Module, int] | None:
    """Find the nearest layer of a module whose type says no number of units.

    It is the layer before the module, in order of registration; or the layer after it, if a module
    that rearranges units (such as a Flatten) lies between.

    Returns:
        The layer that probably computes or reads the module's units, and their number; None if
        there is none.
    """
    leaves = [(n, m) for n, m in model.named_modules() if not any(m.children())]
    inside = [i for i, (n, _) in enumerate(leaves) if n == name or n.startswith(f"{name}.")]
    if not inside:
        return None
    if side == "input":
        first = leaves[inside[0]][1]
        entered = widths(first)
        if entered is not None:
            return first, entered.input
    last = inside[-1] if side == "output" else inside[0] - 1
    for _, leaf in reversed(leaves[: last + 1]):
        if isinstance(leaf, REARRANGING_MODULES):
            break
        own = widths(leaf)
        if own is not None:
            return leaf, own.output
    following = ((leaf, widths(leaf)) for _, leaf in leaves[last + 1 :])
    return next(((leaf, own.input) for leaf, own in following if own is not None), None)
