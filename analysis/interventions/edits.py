"""Edits: functions that return a function from an activation to the one that replaces it.

Activations are `[B, …]`, with the examples on axis 0. When `intervene` runs an edit, the axis of
the units (channels of an image, features of a vector or of a token) follows from the type of the
layer: it is the last axis for a Linear, Embedding or LayerNorm, and axis 1 for a convolution. For
other modules, such as an activation function of tokens `[B, T, C]`, the `Site` must name it. Values
that are added or inserted have the shape of one example's activation, or of the whole batch
`[B, …]`, or are `[C]`: a number for each unit at every place. `units` are indices like Python's (-1
is the last unit); None means all.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from chisel.analysis.interventions.hooks import Edit, axis_of_units
from chisel.analysis.results import as_config_errors
from chisel.configs import ConfigError
from chisel.routing import RoutingError
from chisel.routing.sites import along, other_examples, replaced

Units = int | Sequence[int] | None
Cell = tuple[int, int]
"""(row, column) in an activation `[B, C, H, W]`; row 0 is the top, as in images."""


def compose(*edits: Edit) -> Edit:
    """Return the edit that applies several edits in order."""

    def edit(values: Tensor) -> Tensor:
        for one in edits:
            values = one(values)
        return values

    return edit


def add(vector: Tensor, coeff: float | Tensor = 1.0) -> Edit:
    """Return the edit that adds `coeff * vector` (Turner et al. 2023).

    Args:
        vector: Vector of the shape of one example's activation, of the batch, or `[C]`.
        coeff: Factor that the vector is multiplied by: one number, or one for each example `[B]`.
    """

    def edit(values: Tensor) -> Tensor:
        given = _fitting(vector, values, "the vector")
        factor = torch.as_tensor(coeff).to(values)
        if factor.dim() > 0:
            if len(factor) != len(values):
                raise ConfigError(f"{len(factor)} coefficients for {len(values)} examples")
            factor = factor.view(-1, *[1] * (values.dim() - 1))
        steered: Tensor = values + factor * given
        return steered

    return edit


def project_out(direction: Tensor) -> Edit:
    """Return the edit that removes the component along a direction.

    Args:
        direction: Direction of the shape of one example's activation, to remove that component of
            the whole activation; or `[C]`, to remove that component of the units at every place.

    Raises:
        ConfigError: If the direction is zero.
    """
    norm = direction.double().norm()
    if not norm > 0:
        raise ConfigError("a direction to project out must not be zero")
    unit = direction.double() / norm

    def edit(values: Tensor) -> Tensor:
        along = unit.to(values)
        if along.shape == values.shape[1:]:
            amount = (values * along).flatten(1).sum(1).view(-1, *[1] * (values.dim() - 1))
        else:
            along, where = _by_unit(along, values, "the direction")
            amount = (values * along).sum(where, keepdim=True)
        kept: Tensor = values - amount * along
        return kept

    return edit


def clamp(
    channels: int | Sequence[int],
    cells: Sequence[Cell] | None,
    value: float | Tensor,
) -> Edit:
    """Return the edit that sets channels to a value at some cells, or everywhere.

    Args:
        channels: One channel or several.
        cells: Cells of the activation `[B, C, H, W]`; None means every place.
        value: One number, or one for each channel `[c]`.
    """

    def edit(values: Tensor) -> Tensor:
        edited, by_unit = _editable(values)
        chosen = torch.tensor(_units(channels, by_unit.shape[1]), device=values.device)
        put = _per_channel(value, chosen, values)
        if cells is None:
            by_unit[:, chosen] = put.view(-1, *[1] * (values.dim() - 2))
            return edited
        rows, cols = _cells(torch.tensor(list(cells)).view(-1, 2), by_unit).unbind(1)
        by_unit[:, chosen[:, None], rows, cols] = put[:, None]
        return edited

    return edit


def clamp_each(
    channels: int | Sequence[int],
    cells: Tensor,
    value: float | Tensor,
) -> Edit:
    """Return the edit that sets channels to a value at one cell of each example.

    Args:
        channels: One channel or several.
        cells: Row and column of each example's cell, integers `[B, 2]`.
        value: One number, or one for each channel `[c]`.
    """

    def edit(values: Tensor) -> Tensor:
        if len(cells) != len(values):
            raise ConfigError(f"{len(cells)} cells for {len(values)} examples: one for each")
        edited, by_unit = _editable(values)
        chosen = torch.tensor(_units(channels, by_unit.shape[1]), device=values.device)
        put = _per_channel(value, chosen, values)
        rows, cols = _cells(cells, by_unit).unbind(1)
        examples = torch.arange(len(values), device=values.device)[:, None]
        by_unit[examples, chosen, rows[:, None], cols[:, None]] = put
        return edited

    return edit


def scale(factor: float, units: Units = None) -> Edit:
    """Return the edit that multiplies units by a factor."""
    return _where(units, lambda values: values * factor)


def zero(units: Units = None) -> Edit:
    """Return the edit that sets units to zero."""
    return _where(units, torch.zeros_like)


def mean(values: Tensor, units: Units = None) -> Edit:
    """Return the edit that replaces units by recorded means.

    Args:
        values: Means of the shape of one example's activation, or `[C]`, one for each unit.
        units: Units that are replaced.
    """
    return _where(units, lambda found: _fitting(values, found, "the means"))


def resample(source: Tensor | torch.Generator, units: Units = None) -> Edit:
    """Return the edit that replaces units by those of other inputs ("causal scrubbing").

    Args:
        source: Activations of other inputs, for one example or for each; or a generator, which in
            each forward pass draws another example of the same batch for each example.
        units: Units that are replaced.
    """

    def donors(values: Tensor) -> Tensor:
        if isinstance(source, Tensor):
            return _fitting(source, values, "the donor")
        with as_config_errors(RoutingError):
            return values[other_examples(len(values), source).to(values.device)]

    return _where(units, donors)


def _where(units: Units, replacement: Edit) -> Edit:
    """Return an edit that replaces some units by those of `replacement(values)`."""

    def edit(values: Tensor) -> Tensor:
        if units is None:
            return replacement(values).expand_as(values).clone()
        axis = axis_of_units(values)
        return replaced(values, _units(units, values.shape[axis]), axis, replacement(values))

    return edit


def _editable(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return a copy of an activation, and a view of the copy with the units on axis 1."""
    edited = values.clone()
    return edited, edited.movedim(axis_of_units(values), 1)


def _units(units: int | Sequence[int], size: int) -> list[int]:
    chosen = [units] if isinstance(units, int) else list(units)
    for unit in chosen:
        if not -size <= unit < size:
            raise ConfigError(f"unit {unit} is out of range: the layer has {size} (0…{size - 1})")
    return [unit % size for unit in chosen]


def _cells(cells: Tensor, values: Tensor) -> Tensor:
    if values.dim() != 4:
        raise ConfigError(f"an activation of shape {list(values.shape)} has no cells")
    height, width = values.shape[2:]
    for row, col in cells.tolist():
        if not (0 <= row < height and 0 <= col < width):
            raise ConfigError(f"cell ({row}, {col}) is out of range: the layer is {height}×{width}")
    return cells.to(values.device)


def _per_channel(value: float | Tensor, chosen: Tensor, values: Tensor) -> Tensor:
    put = torch.as_tensor(value).to(values)
    if put.dim() > 1 or put.numel() not in (1, len(chosen)):
        raise ConfigError(f"{list(put.shape)} values for {len(chosen)} channels: one, or one each")
    return put.expand(len(chosen))


def _fitting(given: Tensor, values: Tensor, what: str) -> Tensor:
    """Return the inserted values in a shape that broadcasts to the activation."""
    if given.shape in (values.shape, values.shape[1:]):
        return given.to(values)
    return _by_unit(given, values, what)[0].to(values)


def _by_unit(given: Tensor, values: Tensor, what: str) -> tuple[Tensor, int]:
    """Reshape `[C]` so that it broadcasts to every place, and return it with the axis of units."""
    if given.dim() != 1:
        raise _misfit(given, values, what)
    axis = axis_of_units(values)
    if len(given) != values.shape[axis]:
        raise _misfit(given, values, what)
    return along(given, axis, values), axis


def _misfit(given: Tensor, values: Tensor, what: str) -> ConfigError:
    return ConfigError(
        f"{what} has shape {list(given.shape)}, but the layer's activation is "
        f"{list(values.shape[1:])} for each of {len(values)} examples"
    )
