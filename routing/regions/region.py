"""Regions: named sets of a network's units, resolved on the built model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """Some units at one place of a network."""

    module: str
    """Dotted name of the module in `model.named_modules()`."""
    at: At
    """`output` and `input`: route the gradient of the activation, and so of everything upstream.
    `parameters`: route only the gradient of rows of weight and bias."""
    units: tuple[int, ...]
    """Indices of the units, ascending."""
    axis: int
    """Axis of the units in the module's output (or input, as `at` says); -1 is the last."""
    size: int
    """Number of units on that axis."""
    consumers: tuple[str, ...] = ()
    """Names of Linear and Conv2d modules; their columns that read these units are routed too."""
    element: int | None = None
    """Index of the tensor with the units in a tuple; see `Site`."""

    @property
    def whole(self) -> bool:
        """Whether the part has all units of the axis."""
        return len(self.units) == self.size

    @property
    def side(self) -> Side:
        """Side of the module that has the units: its input or its output."""
        return "input" if self.at == "input" else "output"

    @property
    def site(self) -> Site:
        """The site of the units."""
        return Site(self.module, self.side, self.element, self.axis)

    @property
    def where(self) -> str:
        """Words for the place of the units, for messages."""
        return self.site.where

    @property
    def mask(self) -> Tensor:
        """Bools `[size]`, true for these units."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        mask[list(self.units)] = True
        return mask

    def columns(self, model: nn.Module, consumer: str) -> Tensor:
        """Return a mask of the input features (channels) of a consumer that read these units.

        A Linear after a Flatten reads several features of each unit. Those of a channel are
        neighbours; if the units were on the last axis, they are every `size`-th feature.

        Args:
            model: The network.
            consumer: Name of a Linear or Conv2d.

        Returns:
            Bools `[inputs]`.
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


class Regions(dict[str, Region]):
    """Regions of one model by name, in the order in which they were declared."""

    def __init__(self, regions: Iterable[Region]) -> None:
        super().__init__({region.name: region for region in regions})

    def __missing__(self, name: str) -> Region:
        return region_named(self, name)

    def sites(self) -> list[Part]:
        """Return the parts at outputs and inputs, each once."""
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
    """Return the region of that name.

    Raises:
        RoutingError: If there is no such region.
    """
    if name not in regions:
        raise RoutingError(f"no region {name!r}; {hint(name, regions)}")
    return regions[name]


def parts_of(regions: Mapping[str, Region], names: Iterable[str]) -> list[Part]:
    """Return all parts of some regions.

    Raises:
        RoutingError: If there is no such region, or `names` is a single name instead of a list.
    """
    if isinstance(names, str):
        raise RoutingError(f"give names of regions as a list: [{names!r}]")
    return [part for name in names for part in region_named(regions, name).parts]
