"""Prune regions: make a smaller, plain copy of a network without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from chisel.routing.ablation.ablate import ablated_outputs, require_ablated
from chisel.routing.errors import RoutingError
from chisel.routing.export.pruning_plan import Kept, plan
from chisel.routing.gradient.hooks import without_routes
from chisel.routing.regions.examples import outputs_of
from chisel.routing.regions.recording import Recording, record
from chisel.routing.regions.region import Part, Region, parts_of


def prune_units(
    model: nn.Module, regions: Mapping[str, Region], names: Iterable[str], example: Any
) -> nn.Module:
    """Return a smaller copy of the model without the units of some regions, and without routing.

    The copy's outputs are those of the model with the regions ablated to zero. The rows of weights
    that compute the units are removed, and the columns of all weights that read them (after a
    Flatten, all columns of a channel). A region may be a whole expert (a child of an
    `nn.ModuleDict`) with its unit of the gate; both are removed. The layers that compute and read
    the units are found by running the example, on which the result is then compared with the
    ablated model.

    Args:
        model: The network, which is not changed.
        regions: Regions by name.
        names: Names of the regions to remove.
        example: An input of the model, or a tuple of its inputs; a small batch is enough.

    Returns:
        A module of the model's class with the same names and smaller layers, in the model's mode.
        Units of other regions may have lower indices than before.

    Raises:
        RoutingError: If a region is unknown, or a unit cannot be removed; the message says why.
    """
    parts = parts_of(regions, names)
    what = ", ".join(names)
    smaller = without_routes(model)
    left = _without_experts(smaller, parts, example)
    if left:
        _apply(smaller, plan(smaller, record(smaller, example, left), what))
    expected = ablated_outputs(model, regions, names, example)
    try:
        found = outputs_of(smaller, example)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise RoutingError(f"without {what} the model does not run: {reason}") from error
    require_ablated(found, expected, f"without {what}")
    return smaller


def _without_experts(model: nn.Module, parts: list[Part], example: Any) -> list[Part]:
    """Remove whole experts and their units of the gate from the model; return the other parts."""
    gone: dict[str, list[str]] = {}
    for part in parts:
        container, _, child = part.module.rpartition(".")
        whole = part.whole and part.at != "input"
        if whole and isinstance(model.get_submodule(container), nn.ModuleDict):
            gone.setdefault(container, []).append(child)
    if not gone:
        return parts
    experts = [f"{container}.{child}" for container in gone for child in gone[container]]
    left = [p for p in parts if not any(f"{p.module}.".startswith(f"{e}.") for e in experts)]
    gates = [part for part in left if any(_is_gate_of(model, part, *item) for item in gone.items())]
    recording = record(model, example, gates)
    logits = (_kept_logits(model, recording, gate) for gate in gates)
    _apply(model, dict(one for kept in logits for one in kept.items()))
    for container, children in gone.items():
        for child in children:
            delattr(model.get_submodule(container), child)
    return [part for part in left if part not in gates]


def _is_gate_of(model: nn.Module, part: Part, container: str, children: list[str]) -> bool:
    """Return whether a part is the gate's units for exactly these experts."""
    names = [name for name, _ in model.get_submodule(container).named_children()]
    return part.size == len(names) and {names[unit] for unit in part.units} == set(children)


def _kept_logits(model: nn.Module, recording: Recording, gate: Part) -> Kept:
    """Return the rows that remain of the Linear that computes the gate's logits."""
    makers = recording.makers()
    op = next(op for op in recording.ops if op.part == gate)
    while len(op.inputs) == 1 and not op.weights and op.inputs[0] in makers:
        op = makers[op.inputs[0]]
    if op.name != "linear" or model.get_parameter(op.weights[0]).shape[0] != gate.size:
        raise RoutingError(
            f"cannot prune units of {gate.module}: no Linear was found that computes its logits"
        )
    return {name: {0: (~gate.mask).nonzero()[:, 0]} for name in op.weights}


def _apply(model: nn.Module, kept: Kept) -> None:
    """Keep only the planned rows and columns of each tensor, in every module that holds it."""
    tensors: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, indices in kept.items():
        smaller = tensors[name].detach()
        for axis, places in indices.items():
            smaller = smaller.index_select(axis, places.to(smaller.device))
        if isinstance(tensors[name], nn.Parameter):
            smaller = nn.Parameter(smaller, requires_grad=tensors[name].requires_grad)
        for module in model.modules():
            held = {**module._parameters, **module._buffers}
            for key in [key for key, tensor in held.items() if tensor is tensors[name]]:
                setattr(module, key, smaller)
                _resize(module)


def _resize(module: nn.Module) -> None:
    """Set a layer's attributes for its numbers of units to those of its weight."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Conv2d):
        module.out_channels, module.in_channels = module.weight.shape[:2]
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        # This is called once per tensor; the smaller ones have been pruned already.
        held = (*module.parameters(), *module.buffers())
        module.num_features = min(len(tensor) for tensor in held if tensor.dim())
