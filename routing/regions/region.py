"""Regions: named sets of units of a network, resolved on the built model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from chisel.routing.errors import RoutingError, hint
from chisel.routing.regions.layers import widths

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
    """Ascending."""
    axis: int
    """Axis of the units in the module's output (input, if `at` is that); -1 is the last."""
    size: int
    """How many units that axis has."""
    consumers: tuple[str, ...] = ()
    """Linear and Conv2d modules whose columns that read these units are routed as well."""

    @property
    def whole(self) -> bool:
        """Whether these are all units."""
        return len(self.units) == self.size

    def columns(self, model: nn.Module, consumer: str) -> tuple[int, ...]:
        """The consumer's input features (channels) that read these units.

        A Linear behind a Flatten has a run of features for each channel; if units were on the last
        axis, they are as far apart as there are units.
        """
        reads = widths(model.get_submodule(consumer))
        assert reads is not None  # checked when it was resolved
        places = range(reads.input // self.size)
        if self.axis == -1:
            return tuple(place * self.size + unit for place in places for unit in self.units)
        return tuple(unit * len(places) + place for unit in self.units for place in places)


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
        try:
            return self._regions[name]
        except KeyError:
            raise RoutingError(f"no region {name!r}; {hint(name, self._regions)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._regions

    def __iter__(self) -> Iterator[str]:
        return iter(self._regions)

    def __len__(self) -> int:
        return len(self._regions)

    def sites(self) -> list[Part]:
        """Parts at which activations pass, each once."""
        parts = [part for region in self.values() for part in region.parts]
        return list(dict.fromkeys(part for part in parts if part.at != "parameters"))

    def coverage(self) -> dict[str, dict[str, float]]:
        """The share of units that each region has in each place, and what is `shared` by all."""
        shares: dict[str, dict[str, float]] = {}
        for region in self.values():
            for part in region.parts:
                of = shares.setdefault(f"{part.module} {part.at}", {})
                of[region.name] = of.get(region.name, 0.0) + len(part.units) / part.size
        return {place: of | {"shared": 1 - sum(of.values())} for place, of in shares.items()}

    def to_plain(self) -> dict[str, list[dict[str, Any]]]:
        """Lists, strings and numbers from which `resolve` makes the same regions."""
        return {
            name: [
                {"module": part.module, "at": part.at, "units": list(part.units)}
                | ({"axis": part.axis, "size": part.size} if part.at != "parameters" else {})
                | {"consumers": list(part.consumers)}
                for part in region.parts
            ]
            for name, region in self.items()
        }
