"""Regions: named sets of units of a network, resolved on the built model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from chisel.routing.errors import RoutingError, hint
from chisel.routing.sites import Side, Site
from chisel.routing.sites.layers import widths

At = Literal["output", "input", "parameters"]


@dataclass(frozen=True)
class Part:
    """Some units at one place of the network."""

    module: str
    """Its dotted name in `model.named_modules()`."""
    at: At
    """`output` and `input`: the gradient of the activation is routed, and with it everything
    upstream. `parameters`: only the gradient of rows of weight and bias is."""
    units: tuple[int, ...]
    """Their indices, ascending."""
    axis: int
    """Axis of the units in the module's output (input, if `at` is that); -1 is the last."""
    size: int
    """How many units that axis has."""
    consumers: tuple[str, ...] = ()
    """Linear and Conv2d modules whose columns that read these units are routed as well."""
    element: int | None = None
    """Number of the tensor with the units in a tuple, see `Site`."""

    @property
    def whole(self) -> bool:
        """Whether these are all units."""
        return len(self.units) == self.size

    @property
    def side(self) -> Side:
        """Whether the units are in what the module reads or in what it returns."""
        return "input" if self.at == "input" else "output"

    @property
    def site(self) -> Site:
        """Where the units are."""
        return Site(self.module, self.side, self.element, self.axis)

    @property
    def where(self) -> str:
        """The place of the units, for messages."""
        return self.site.where

    @property
    def mask(self) -> Tensor:
        """Bools `[size]`, true for these units."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        mask[list(self.units)] = True
        return mask

    def columns(self, model: nn.Module, consumer: str) -> Tensor:
        """Return bools `[inputs]`: the consumer's input features (channels) that read these units.

        A Linear behind a Flatten reads several features of each unit: neighbouring ones of a
        channel, but if the units were on the last axis, every `size`-th feature.
        """
        reads = widths(model.get_submodule(consumer))
        assert reads is not None  # `resolve` has checked it
        places = reads.input // self.size
        return self.mask.repeat(places) if self.axis == -1 else self.mask.repeat_interleave(places)


@dataclass(frozen=True)
class Region:
    """A named part of a network, in one or several places."""

    name: str
    parts: tuple[Part, ...]


class Regions(Mapping[str, Region]):
    """Regions of one model by name, in the order in which they were declared."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = {region.name: region for region in regions}

    def __getitem__(self, name: str) -> Region:
        return region_named(self._regions, name)

    def __contains__(self, name: object) -> bool:
        return name in self._regions

    def __iter__(self) -> Iterator[str]:
        return iter(self._regions)

    def __len__(self) -> int:
        return len(self._regions)

    def sites(self) -> list[Part]:
        """Return the parts whose activations are routed, each once."""
        parts = [part for region in self.values() for part in region.parts]
        return list(dict.fromkeys(part for part in parts if part.at != "parameters"))

    def to_plain(self) -> dict[str, list[dict[str, Any]]]:
        """Return lists, strings and numbers from which `resolve` makes the same regions."""
        return {
            name: [
                {"module": part.module, "at": part.at, "units": list(part.units)}
                | ({"axis": part.axis, "size": part.size} if part.at != "parameters" else {})
                | ({} if part.element is None else {"element": part.element})
                | {"consumers": list(part.consumers)}
                for part in region.parts
            ]
            for name, region in self.items()
        }


def region_named(regions: Mapping[str, Region], name: str) -> Region:
    """Look a region up.

    Raises:
        RoutingError: There is no such region.
    """
    if name not in regions:
        raise RoutingError(f"no region {name!r}; {hint(name, regions)}")
    return regions[name]


def parts_of(regions: Mapping[str, Region], names: Iterable[str]) -> list[Part]:
    """Return all parts of some regions.

    Raises:
        RoutingError: There is no such region, or `names` is one name instead of a list.
    """
    if isinstance(names, str):
        raise RoutingError(f"give names of regions as a list: [{names!r}]")
    return [part for name in names for part in region_named(regions, name).parts]
