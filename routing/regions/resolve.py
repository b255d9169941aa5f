"""Resolve regions: find the declared modules and units on a built model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from torch import nn

from chisel.routing.errors import RoutingError, hint
from chisel.routing.regions.axes import axis_for, unit_count
from chisel.routing.regions.overlaps import require_disjoint
from chisel.routing.regions.recording import Recording, record
from chisel.routing.regions.region import At, Part, Region, Regions
from chisel.routing.regions.units import parse_units
from chisel.routing.sites import Side, Site
from chisel.routing.sites.layers import counts_units, has_exact_gradient, widths

_OPTIONS = ("module", "at", "units", "axis", "element", "consumers", "size")
_PLACES: tuple[At, ...] = ("output", "input", "parameters")


def resolve(model: nn.Module, regions: Mapping[str, Any], example: Any = None) -> Regions:
    """Find regions on a built model.

    Args:
        model: Any network.
        regions: A list of parts by name of the region. A part is a mapping with `module` (a dotted
            name, in which `*` and `?` match any characters, also dots), `at` (`output`, the
            default, `input` or `parameters`), `units` (see `parse_units`; by default all), `axis`
            of the units (by default the layer's: the last of a Linear, LayerNorm, Embedding or
            attention, 1 of a convolution or BatchNorm), `element` (index of the tensor, if a module
            returns or reads several) and `consumers` (names of modules; see `Part`).
        example: An input of the model, or a tuple of its inputs. It gives the exact sizes and axes
            of activations. Without it they follow from neighbouring layers, and are checked when
            the network first runs.

    Raises:
        RoutingError: If a module or unit doesn't exist, if two regions share a unit, or, with an
            example, if a module is never called.
    """
    return resolve_recorded(model, regions, example)[0]


def resolve_recorded(
    model: nn.Module, regions: Mapping[str, Any], example: Any = None
) -> tuple[Regions, Recording | None]:
    """Resolve regions like `resolve`, and also return a recording of their sites.

    The recording is None without an example.
    """
    if not isinstance(regions, Mapping):
        raise RoutingError(f"regions: needs a list of parts by name, not {regions!r}")
    # Sites are known only after sizes and axes are, so the example runs twice.
    resolver = _Resolver(model, None if example is None else record(model, example, ()))
    resolved = Regions([resolver.region(name, parts) for name, parts in regions.items()])
    recording = None if example is None else record(model, example, resolved.sites())
    require_disjoint(model, resolved, recording)
    return resolved, recording


class _Resolver:
    """Turns declared parts into resolved ones."""

    def __init__(self, model: nn.Module, recording: Recording | None) -> None:
        self._model, self._recording = model, recording
        self._names = [name for name, _ in model.named_modules() if name]

    def region(self, name: str, parts: Any) -> Region:
        if not name:
            raise RoutingError("regions: a name cannot be empty")
        if isinstance(parts, str | Mapping) or not isinstance(parts, Sequence) or not parts:
            raise RoutingError(
                f"region {name}: needs a list of parts, as in [{{module: fc, units: '0:64'}}]"
            )
        try:
            return Region(name, tuple(found for part in parts for found in self._part(part)))
        except RoutingError as error:
            raise RoutingError(f"region {name}: {error}") from None

    def _part(self, part: Any) -> Iterator[Part]:
        if not isinstance(part, Mapping) or not isinstance(part.get("module"), str):
            raise RoutingError(f"every part needs a module, as in {{module: fc}}, not {part!r}")
        for option in part:
            if option not in _OPTIONS:
                raise RoutingError(f"a part has no option {option!r}; {hint(option, _OPTIONS)}")
        at = part.get("at", "output")
        if at not in _PLACES:
            raise RoutingError(f"at: {at!r} is no place; known: {', '.join(_PLACES)}")
        pattern = part["module"]
        if at == "parameters":
            for module in self._layers(pattern, part):
                self._require_called(module)
                yield self._rows(module, part)
        else:
            for module in self._matching(pattern):
                self._require_called(module)
                yield self._activation(module, at, part)

    def _require_called(self, name: str) -> None:
        """Refuse a module that is not called, though its weights may be used: it has no site."""
        parent = self._model.get_submodule(name.rpartition(".")[0])
        attention = isinstance(parent, nn.MultiheadAttention)
        if attention or (self._recording is not None and name not in self._recording.called):
            raise RoutingError(uncalled(name, attention))

    def _matching(self, pattern: str) -> list[str]:
        found = [name for name in self._names if fnmatchcase(name, pattern)]
        if pattern in self._names:  # a name with brackets is no pattern
            return [pattern]
        if not found:
            raise RoutingError(f"the model has no module {pattern!r}; {hint(pattern, self._names)}")
        return found

    def _layers(self, pattern: str, part: Mapping[str, Any]) -> list[str]:
        """Return the layers that match a pattern, or those inside the container that it names."""
        matching = self._matching(pattern)
        layers = [name for name in matching if has_exact_gradient(self._model.get_submodule(name))]
        if pattern != matching[0] or layers == matching:
            if not layers:
                raise RoutingError(f"no Linear or Conv2d matches {pattern!r}")
            return layers
        for option in ("units", "axis", "consumers"):
            if part.get(option):
                raise RoutingError(
                    f"{pattern} is not a Linear or Conv2d: its parameters are routed as a whole, "
                    f"so leave {option} out"
                )
        return self._inside(pattern)

    def _inside(self, container: str) -> list[str]:
        layers = []
        for name, module in self._model.get_submodule(container).named_modules(prefix=container):
            if has_exact_gradient(module):
                layers.append(name)
            elif any(True for _ in module.parameters(recurse=False)):
                raise RoutingError(
                    f"parameters of {name} ({type(module).__name__}) cannot be routed per example, "
                    f"only those of Linear and Conv2d; route the output of {container}"
                )
        if not layers:
            raise RoutingError(f"{container} has no parameters; route its output")
        return layers

    def _rows(self, module: str, part: Mapping[str, Any]) -> Part:
        layer = self._model.get_submodule(module)
        for option in ("axis", "element"):
            if part.get(option) is not None:
                raise RoutingError(f"{module}: rows of a weight need no {option}; leave it out")
        size = cast(Any, widths(layer)).output
        units = _units(part, size, f"the parameters of {module}")
        axis = -1 if isinstance(layer, nn.Linear) else 1
        consumers = self._consumers(part, module, size)
        return Part(module, "parameters", units, axis, size, consumers)

    def _activation(self, module: str, at: Side, part: Mapping[str, Any]) -> Part:
        axis, element = (_number(part, option) for option in ("axis", "element"))
        site = Site(module, at, element, axis)
        axis = axis_for(self._model, site, self._recording)
        size = part.get("size")  # in what `Regions.to_plain` returned
        if size is None or counts_units(self._model.get_submodule(module), axis):
            size = unit_count(self._model, site, axis, self._recording)
        units = _units(part, size, site.where)
        return Part(module, at, units, axis, size, self._consumers(part, module, size), element)

    def _consumers(self, part: Mapping[str, Any], module: str, size: int) -> tuple[str, ...]:
        patterns = part.get("consumers") or ()
        if isinstance(patterns, str) or not isinstance(patterns, Sequence):
            raise RoutingError(f"consumers: needs a list of modules, not {patterns!r}")
        names = dict.fromkeys(name for one in patterns for name in self._matching(str(one)))
        for name in names:
            consumer = self._model.get_submodule(name)
            if not has_exact_gradient(consumer):
                raise RoutingError(
                    f"consumer {name} is a {type(consumer).__name__}; only the columns of a plain "
                    "Linear or Conv2d can be routed"
                )
            self._require_called(name)
            reads = cast(Any, widths(consumer)).input
            if reads % size or (reads != size and isinstance(consumer, nn.Conv2d)):
                raise RoutingError(
                    f"consumer {name} reads {reads} units, which are not the {size} of {module}"
                )
        return tuple(names)


def uncalled(name: str, attention: bool) -> str:
    """Return the message about a module that cannot be a site, because its forward never runs.

    Args:
        name: Name of the module.
        attention: Whether it belongs to an `nn.MultiheadAttention`.
    """
    parent = name.rpartition(".")[0]
    if attention:
        return (
            f"{name} is not called: nn.MultiheadAttention uses its weights directly; route the "
            f"output of {parent}, or use a module that calls its projections"
        )
    return (
        f"{name} is not called when the model runs, so nothing can be routed there; route a module "
        "that is called"
    )


def _number(part: Mapping[str, Any], option: str) -> Any:
    """Return an option of a part, converted from text if that is a whole number.

    Other values are returned as they are, and `Site` refuses them.
    """
    given: Any = part.get(option)
    is_text = isinstance(given, str) and given.removeprefix("-").isdecimal()
    return int(given) if is_text else given


def _units(part: Mapping[str, Any], size: int, what: str) -> tuple[int, ...]:
    """Return the units of a part; refuse a part that was resolved on a network of another width."""
    if part.get("size", size) != size:
        raise RoutingError(
            f"{what} has {size} units, not {part['size']} as the network that it was resolved on"
        )
    units = part.get("units")
    return tuple(range(size)) if units is None else parse_units(units, size, what)
