"""Find leaks: ways around the masks by which a region learns from examples routed away from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.gradient.hooks import without_routes
from chisel.routing.gradient.router import attach
from chisel.routing.regions.activations import edit_part
from chisel.routing.regions.examples import as_inputs, tensors_in
from chisel.routing.regions.exclusive import Exclusive, exclusive
from chisel.routing.regions.ownership import owned
from chisel.routing.regions.readers import Reader, readers
from chisel.routing.regions.recording import Recording, record
from chisel.routing.regions.region import Part, Region, Regions

Kind = Literal["tied", "reader", "path", "mixing", "untested"]
Masks = Mapping[str, Mapping[str, Tensor]]
"""Masks of elements by parameter and region, as `Router.owned` returns them."""


@dataclass(frozen=True)
class Leak:
    """One way around a region's masks."""

    kind: Kind
    """`tied`: a parameter of the region is also used elsewhere. `reader`: weights that read the
    region's units learn from every example. `path`: gradient reaches the region on a way without a
    mask. `mixing`: the gradient of a masked example reaches it through other examples (batch
    statistics). `untested`: the region owns no parameter that could be tested."""
    region: str
    where: str
    """Name of a module or a parameter."""
    message: str
    """One line: what happens, and how to mend it."""

    def __str__(self) -> str:
        return self.message


def leaks(model: nn.Module, regions: Mapping[str, Region], example: Any) -> list[Leak]:
    """Find ways in which regions learn from examples that are routed away from them.

    Masks protect the weights that compute a region's units. They don't protect weights that read
    the units (`consumers` does). They fail if a module mixes examples, such as BatchNorm in
    training mode: a masked example changes the statistics of the other examples, and so sends
    gradient through them.

    Readers are found by following units through the recorded graph. The other leaks are measured.
    First all rows of the example are routed away from every region. Then only the first row is, and
    only its loss is used. Both times the gradient of the regions must be exactly 0.

    Args:
        model: The network, routed or not, which is not changed.
        regions: Regions by name.
        example: An input of the model, or a tuple of its inputs, with a batch of at least 2. The
            network must return tensors `[B, …]`.

    Returns:
        The leaks; empty if none was found. Layers after the first reader mix all regions in any
        network, so they are not listed.

    Raises:
        RoutingError: If the example's batch is below 2, or no output of the network has a gradient.
    """
    plain = without_routes(model)
    known = Regions(list(regions.values()))
    recording = record(plain, example, known.sites())
    found_alone = exclusive(plain, recording, known)
    masks = owned(plain, known, found_alone)
    away = _measure(plain, known, example, first_alone=False)
    everywhere = away.reached(masks)
    alone = [
        place
        for place in _measure(plain, known, example, first_alone=True).reached(masks)
        if place not in everywhere
    ]
    found = [
        Leak(
            "untested",
            name,
            region.parts[0].module,
            f"UNTESTED: no parameter acts only through the units of region {name}, so it cannot be "
            "tested whether the region is closed",
        )
        for name, region in known.items()
        if not found_alone.regions[name]
    ]
    found += _tied(plain, masks, found_alone)
    found += _open_readers(plain, known, masks, recording, away)
    found += _at_places(
        "path",
        everywhere,
        "gets gradient from examples that are routed away from it: it is used on a way without a "
        "mask, so add that module to the region",
    )
    mixing = nn.modules.batchnorm._BatchNorm
    norms = [name for name, module in plain.named_modules() if isinstance(module, mixing)]
    mixer = f"BatchNorm ({', '.join(norms[:3])})" if norms else "something"
    found += _at_places(
        "mixing",
        alone,
        f"gets gradient of a masked example through other examples: {mixer} mixes examples; "
        "GroupNorm and LayerNorm don't",
    )
    return found


def _tied(model: nn.Module, masks: Masks, alone: Exclusive) -> Iterator[Leak]:
    """Yield a leak for every parameter of a region that has a second name without a mask."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    for first, *others in names.values():
        for region, mask in masks.get(first, {}).items() if others else ():
            masked = alone.regions[region].get(first, torch.zeros_like(mask))
            if (mask & ~masked).any():  # otherwise it is masked wherever it is used
                yield Leak(
                    "tied",
                    region,
                    first,
                    f"{first} of region {region} is also {others[0]}, which every example trains; "
                    "untie them",
                )


def _open_readers(
    model: nn.Module, regions: Regions, masks: Masks, recording: Recording, away: _Measured
) -> Iterator[Leak]:
    """Yield a leak for weights that read a region's units and that every example trains."""
    parts = [(name, part) for name, region in regions.items() for part in region.parts]
    listed: set[tuple[str, str]] = set()
    for region, part in parts:
        siblings = [other for other in regions[region].parts if other != part]
        for reader in readers(model, recording, part, siblings):
            free = reader.elements & away.open_rows(reader.weight)
            for mask in masks.get(reader.weight, {}).values():
                free &= ~mask.cpu()
            if free.any() and (region, reader.op.module) not in listed:
                listed.add((region, reader.op.module))
                share = float(free.sum() / reader.elements.sum())
                advice = _advice(region, part, reader, share)
                yield Leak("reader", region, reader.op.module, advice)


def _advice(region: str, part: Part, reader: Reader, share: float) -> str:
    what, remedy = f"units of region {region}", "route the output of that module too"
    if reader.mixed_by is not None:
        what += f", mixed with others by {reader.mixed_by},"
        remedy = "no mask can separate them there"
    elif reader.op.name in ("linear", "conv2d"):
        remedy = f"add consumers: [{reader.op.module}] to the part {part.module}"
    return (
        f"{reader.weight} reads {what} and {share:.0%} of the elements that read them learn from "
        f"every example; {remedy}, or accept that they are shared"
    )


def _at_places(kind: Kind, places: list[tuple[str, str]], what: str) -> Iterator[Leak]:
    """Yield one leak for each region, which names its first place."""
    by_region: dict[str, list[str]] = {}
    for region, place in places:
        by_region.setdefault(region, []).append(place)
    for region, (first, *others) in by_region.items():
        more = f" (and {len(others)} more)" if others else ""
        yield Leak(kind, region, first, f"{first}{more} of region {region} {what}")


class _Measured(NamedTuple):
    """Gradients of a batch that is routed away from all regions."""

    parameters: dict[str, Tensor | None]
    sites: list[tuple[str, Part, Tensor]]
    """Each region and part, with the tensor before the mask, whose gradient is masked."""

    def reached(self, masks: Masks) -> list[tuple[str, str]]:
        """Return each region that still has gradient, with the site or parameter that has it."""
        found = [
            (region, part.where)
            for region, part, value in self.sites
            if value.grad is not None
            and value.grad.movedim(part.axis, 0)[list(part.units)].count_nonzero()
        ]
        for name, by_region in masks.items():
            gradient = self.parameters[name]
            if gradient is not None:
                found += [(r, name) for r, own in by_region.items() if gradient[own].any()]
        return list(dict.fromkeys(found))

    def open_rows(self, name: str) -> Tensor:
        """Return which rows of a weight have gradient, as a mask that broadcasts to its shape."""
        gradient = self.parameters[name]
        if gradient is None:
            return torch.tensor(False)
        rows = gradient.reshape(len(gradient), -1).ne(0).any(1).cpu()
        return rows.view(-1, *[1] * (gradient.dim() - 1))


def _measure(plain: nn.Module, regions: Regions, example: Any, *, first_alone: bool) -> _Measured:
    """Measure gradients with the example, or only its first row, routed away from all regions.

    A copy of the model runs in training mode, because running statistics change.
    """
    model = copy.deepcopy(plain).train()
    sites: list[tuple[str, Part, Tensor]] = []

    def keep(region: str, part: Part, value: Tensor) -> None:
        if value.requires_grad:
            value.retain_grad()
            sites.append((region, part, value))

    for name, region in regions.items():
        for part in region.parts:
            if part.at != "parameters":  # registered before the mask's own hook
                edit_part(model, part, partial(keep, name, part))
    rules = {"away": dict.fromkeys(regions, 0.0)}
    router = attach(model, {"regions": regions.to_plain(), "rules": rules, "freeze": False})
    inputs = as_inputs(example)
    given = next(tensors_in(inputs))
    if len(given) < 2:
        raise RoutingError("leaks needs an example with a batch of at least 2")
    labels = torch.zeros(len(given), dtype=torch.int64, device=given.device)
    labels[1:] = -1 if first_alone else 0
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=devices), torch.enable_grad(), router.labels(labels):
        torch.autograd.backward(_loss(model(*inputs), len(given), first_alone))
    return _Measured({name: value.grad for name, value in model.named_parameters()}, sites)


def _loss(returned: Any, batch: int, first_alone: bool) -> Tensor:
    """Return a loss that weights every output differently, so that no symmetry hides a gradient."""
    loss = torch.zeros((), dtype=torch.float64)
    for output in tensors_in(returned):
        if output.requires_grad and output.dim() and len(output) == batch:
            values = output[: 1 if first_alone else None].flatten().double()
            loss = loss.to(values) + values @ torch.linspace(1, 2, len(values)).to(values)
    if not loss.requires_grad:
        raise RoutingError("leaks needs a network that returns tensors [B, …] with gradients")
    return loss
