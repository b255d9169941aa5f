"""A site, and the tensor, axis and positions that it selects from a module's input or output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.sites.layers import Side, axis_of, innermost


@dataclass(frozen=True)
class Site:
    """A place in a network that is read, edited, routed or ablated.

    Example:
        `Site("blocks.3", element=0, positions=[-1])` is the hidden state of the last token after a
        block that returns a tuple.

    Raises:
        RoutingError: If a value is impossible in any network.
    """

    module: str
    """Dotted name of the module in `model.named_modules()`."""
    side: Side = "output"
    """Whether the tensor is in the module's output or among its positional arguments."""
    element: int | None = None
    """Index of the tensor in a tuple or list, or among the arguments. None: the only tensor of
    floats, or the first that `nn.MultiheadAttention` returns."""
    axis: int | None = None
    """Axis of the units; -1 is the last. None: the layer's, or axis 1 of `[B, units]` and of images
    `[B, units, H, W]`."""
    positions: Sequence[int] | None = None
    """Positions of tokens in `[B, T, units]` or `[B, units, T]`; -1 is the last. None: all."""

    def __post_init__(self) -> None:
        if self.side not in ("output", "input"):
            raise RoutingError(f"side: {self.side!r} is not a side; give output or input")
        if self.element is not None and (not _is_index(self.element) or self.element < 0):
            raise RoutingError(
                f"element: {self.element!r} is not an index of a tuple; 0 is the first"
            )
        if self.axis is not None and (not _is_index(self.axis) or self.axis == 0):
            raise RoutingError(
                f"axis: {self.axis!r} is not an axis of units; 0 is the batch, -1 the last"
            )
        if self.positions is not None:
            # A tuple, so that a site has a hash.
            object.__setattr__(self, "positions", _positions(self.positions))

    @property
    def where(self) -> str:
        """Words for the site, for messages."""
        element = "" if self.element is None else f"element {self.element} of "
        positions = "" if self.positions is None else f" at {list(self.positions)}"
        return f"{element}the {self.side} of {self.module}{positions}"

    def to_plain(self) -> dict[str, Any]:
        """Return the fields that are not defaults as plain values that `Site(**…)` takes."""
        return {f.name: vars(self)[f.name] for f in fields(self) if vars(self)[f.name] != f.default}

    def place_in(self, module: nn.Module, value: Any) -> int | None:
        """Return the index of the site's tensor in a module's output or positional arguments.

        It is None if the value itself is the tensor.

        Args:
            module: The site's module.
            value: Its output, or the tuple of its positional arguments.

        Raises:
            RoutingError: If there is no such tensor of floats, or several could be meant.
        """
        if isinstance(value, Tensor):
            if self.element is not None:
                raise RoutingError(
                    f"the {self.side} of {self.module} is one tensor: leave element out"
                )
            if not value.is_floating_point():
                raise RoutingError(f"{self.where} is a {_type_of(value)}, not of floats")
            return None
        parts = value if isinstance(value, tuple | list) else ()
        if self.element is not None:
            return self._given(self.element, parts, value)
        if type(value) is tuple and len(value) == 1 and _is_of_floats(value[0]):
            return 0  # most modules read one tensor
        if self.side == "output" and isinstance(module, nn.MultiheadAttention):
            return 0  # the second one has the attention weights
        floats = [place for place, part in enumerate(parts) if _may_have_floats(part)]
        if len(floats) == 1 and _is_of_floats(parts[floats[0]]):
            return floats[0]
        raise RoutingError(self._not_one(value, bool(floats)))

    def _given(self, element: int, parts: Sequence[Any], value: Any) -> int:
        if element >= len(parts):
            raise RoutingError(f"{self.where}: it is {_types_in(value)}, which has no such element")
        if not _is_of_floats(parts[element]):
            found = _type_of(parts[element])
            raise RoutingError(f"{self.where} is a {found}, not a tensor of floats")
        return element

    def _not_one(self, value: Any, floats: bool) -> str:
        if self.side == "input" and not value:
            return (
                f"{self.where} is given by keyword or not at all: only positional arguments can be "
                "a site"
            )
        element = "give element, or " if floats else ""
        return (
            f"{self.where} is {_types_in(value)}, not one tensor of floats: {element}choose a "
            "module inside"
        )

    def index(self, module: nn.Module, values: Tensor, own: int | None) -> tuple[int, list[int]]:
        """Return the axis of the tokens, and the site's positions as numbers from 0.

        Args:
            module: The site's module.
            values: The tensor at the site.
            own: Axis of the layer's units; None if the layer's type does not say it.

        Raises:
            RoutingError: If the tensor has no axis of tokens, or no such position.
        """
        assert self.positions is not None
        shape = list(values.shape)
        if len(shape) != 3 or getattr(module, "batch_first", True) is False:
            raise RoutingError(
                f"{self.where} has shape {shape}: positions are tokens of [B, T, units] or "
                "[B, units, T]"
            )
        axis = 3 - units_axis(values, self, own)
        for position in self.positions:
            if not -shape[axis] <= position < shape[axis]:
                raise RoutingError(
                    f"{self.where} has no position {position}: it has {shape[axis]} "
                    f"(0…{shape[axis] - 1})"
                )
        numbers = [position % shape[axis] for position in self.positions]
        if len(set(numbers)) < len(numbers):
            raise RoutingError(
                f"{self.where} has {shape[axis]} positions, and {list(self.positions)} name one of "
                "them twice"
            )
        return axis, numbers


def own_axis(model: nn.Module, site: Site) -> int | None:
    """Return the axis of units of the layer at a site; None if its type does not say it."""
    return axis_of(model.get_submodule(innermost(model, site.module, site.side)))


def units_axis(values: Tensor, site: Site | None, own: int | None) -> int:
    """Return the axis of an activation's units, counted from the front.

    Args:
        values: The activation `[B, …]`.
        site: Its site, for the axis and for messages; None if it is not known.
        own: Axis of the layer's units; None if the layer's type does not say it. If neither it nor
            the site says an axis, it is axis 1 of `[B, units]` and of images `[B, units, H, W]`.

    Raises:
        RoutingError: If the axis is unknown, is not the layer's, or cannot have units.
    """
    dims, shape = values.dim(), list(values.shape)
    where = "an activation" if site is None else site.where
    axis = own if site is None or site.axis is None else site.axis
    if axis is None:
        if dims not in (2, 4):
            raise RoutingError(
                f"{where} has shape {shape}, and the axis of its units is not known: give axis, as "
                f"in Site({'…' if site is None else site.module!r}, axis=-1) for [B, T, units]"
            )
        return 1
    if not -dims <= axis < dims or axis % dims == 0:
        raise RoutingError(f"{where} has shape {shape}, with no units on axis {axis}")
    if own is not None and axis % dims != own % dims:
        raise RoutingError(
            f"{where} has shape {shape} with its units on axis {own}, not {axis}: leave axis out"
        )
    return axis % dims


def with_tensor(value: Any, place: int | None, tensor: Tensor) -> Any:
    """Return a module's output or arguments with another tensor at an index.

    Args:
        value: The output, or the tuple of arguments.
        place: Index of the tensor, as `Site.place_in` returns it.
        tensor: The new tensor.
    """
    if place is None:
        return tensor
    parts = (*value[:place], tensor, *value[place + 1 :])
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _positions(given: Any) -> tuple[int, ...]:
    positions = tuple(given) if isinstance(given, list | tuple | range) else ()
    if not positions or not all(map(_is_index, positions)):
        raise RoutingError(f"positions: {given!r} is not a list of positions, such as [0, -1]")
    return positions


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_of_floats(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _may_have_floats(value: Any) -> bool:
    """Return whether a value may hold a tensor of floats; unknown types may."""
    if isinstance(value, Tensor):
        return value.is_floating_point()
    if isinstance(value, tuple | list):
        return any(map(_may_have_floats, value))
    return not isinstance(value, int | str | None)


def _types_in(value: Any) -> str:
    parts = value if isinstance(value, tuple | list) else ()
    inside = f" ({', '.join(map(_type_of, parts))})" if parts else ""
    return f"a {type(value).__name__}{inside}"


def _type_of(value: Any) -> str:
    if isinstance(value, Tensor) and not value.is_floating_point():
        return f"tensor of {value.dtype}"
    return type(value).__name__
