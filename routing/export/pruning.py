"""Regions taken out of a network for good: a plain, smaller module."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chisel.routing.ablation.outputs import ablated_outputs, outputs, require_same
from chisel.routing.errors import RoutingError, hint
from chisel.routing.export.pruning_plan import Cut, plan
from chisel.routing.gradient.hooks import remove_hooks
from chisel.routing.regions.recording import Recording, record
from chisel.routing.regions.region import Part, Region


def slice_units(
    model: nn.Module, regions: Mapping[str, Region], names: Iterable[str], example: Any
) -> nn.Module:
    """A copy of the model without the units of some regions: smaller, and without routes.

    Its outputs are those of the model with the regions ablated to zero. Rows of the weights that
    make the units go, and the columns of all that read them; behind a Flatten the whole run of each
    channel. A region may be a whole expert (a child of an `nn.ModuleDict`) with its unit of the
    gate; both go. What makes and reads the units is seen while the example passes, and the result
    is compared with the ablated model on it.

    Args:
        model: The network; it stays as it is.
        regions: Regions by name.
        names: Those to take out.
        example: An input of the model, or a tuple of its inputs; its batch can be small.

    Returns:
        A module of the model's class with the same names and smaller layers, in the model's mode.
        Units of other regions have moved up.

    Raises:
        RoutingError: If a region is unknown, or a unit cannot be taken out; the message says why.
    """
    parts = parts_of(regions, names)
    what = ", ".join(names)
    smaller = without_routes(model)
    left = _without_experts(smaller, parts, example)
    if left:
        _apply(smaller, plan(smaller, record(smaller, example, left), what))
    expected = ablated_outputs(model, regions, names, example)
    try:
        found = outputs(smaller, example)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise RoutingError(f"without {what} the model does not run: {reason}") from error
    require_same(found, expected, f"without {what}")
    return smaller


def parts_of(regions: Mapping[str, Region], names: Iterable[str]) -> list[Part]:
    """All parts of some regions.

    Raises:
        RoutingError: If there is no such region.
    """
    if isinstance(names, str):
        raise RoutingError(f"give names of regions as a list: [{names!r}]")
    for name in names:
        if name not in regions:
            raise RoutingError(f"no region {name!r}; {hint(name, regions)}")
    return [part for name in names for part in regions[name].parts]


def without_routes(model: nn.Module) -> nn.Module:
    """A copy of the model as it was before `attach`, with nothing of this package in it."""
    plain: nn.Module = copy.deepcopy(getattr(model, "_orig_mod", model))
    remove_hooks(plain)
    for module in plain.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            for key in [key for key, hook in hooks.items() if _is_ours(hook)]:
                del hooks[key]
    return plain


def _is_ours(function: Any) -> bool:
    return getattr(function, "__module__", "").startswith("routing.")


def _without_experts(model: nn.Module, parts: list[Part], example: Any) -> list[Part]:
    """Take whole experts and their units of the gate out of the model; return the other parts."""
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
    gates = [part for part in left if any(_chooses(model, part, *item) for item in gone.items())]
    recording = record(model, example, gates)
    _apply(model, dict(cut for gate in gates for cut in _logits(model, recording, gate)))
    for container, children in gone.items():
        for child in children:
            delattr(model.get_submodule(container), child)
    return [part for part in left if part not in gates]


def _chooses(model: nn.Module, part: Part, container: str, children: list[str]) -> bool:
    """Whether these are a gate's units for just these experts."""
    names = [name for name, _ in model.get_submodule(container).named_children()]
    return part.size == len(names) and {names[unit] for unit in part.units} == set(children)


def _logits(model: nn.Module, recording: Recording, gate: Part) -> Iterator[tuple[str, Cut]]:
    """What is left of the Linear behind whose softmax the gate's units are."""
    made_by = {value: op for op in recording.ops for value in op.outputs}
    op = next(op for op in recording.ops if op.part == gate)
    while len(op.inputs) == 1 and not op.weights and op.inputs[0] in made_by:
        op = made_by[op.inputs[0]]
    if op.name != "linear" or model.get_parameter(op.weights[0]).shape[0] != gate.size:
        raise RoutingError(
            f"cannot slice units of {gate.module}: no Linear is known that makes its logits"
        )
    keep = torch.tensor([unit for unit in range(gate.size) if unit not in gate.units])
    for name in op.weights:
        yield name, Cut(rows=keep)


def _apply(model: nn.Module, cuts: Mapping[str, Cut]) -> None:
    """Keep of each tensor what is left, wherever modules hold it."""
    tensors: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, cut in cuts.items():
        kept = tensors[name].detach()
        for axis, indices in ((0, cut.rows), (1, cut.columns)):
            if indices is not None:
                kept = kept.index_select(axis, indices.to(kept.device))
        if isinstance(tensors[name], nn.Parameter):
            kept = nn.Parameter(kept, requires_grad=tensors[name].requires_grad)
        for module in model.modules():
            held = {**module._parameters, **module._buffers}
            for key in [key for key, tensor in held.items() if tensor is tensors[name]]:
                setattr(module, key, kept)
                _resize(module)


def _resize(module: nn.Module) -> None:
    """Let a layer's own numbers say what its weight has."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Conv2d):
        module.out_channels, module.in_channels = module.weight.shape[:2]
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        # Called after each of its tensors: the cut ones are the shorter ones.
        held = (*module.parameters(), *module.buffers())
        module.num_features = min(len(tensor) for tensor in held if tensor.dim())
