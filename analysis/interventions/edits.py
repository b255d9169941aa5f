"""Edits as plain functions: each returns a function from an activation to another one.

Activations are `[B, C, …]`: axis 0 the examples, axis 1 the units (channels of an image, features
of a vector). Whatever is added or put in may be given once, `[C, …]`, for all examples, or one for
each, `[B, C, …]`. `units` are indices as Python's (-1 is the last); None means all.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from analysis.interventions.hooks import Edit
from configs import ConfigError

Units = int | Sequence[int] | None
Cell = tuple[int, int]
"""(row, column) in an activation `[B, C, H, W]`; row 0 is the top, as in images."""


def compose(*edits: Edit) -> Edit:
    """One edit after the other, the first one first."""

    def edit(values: Tensor) -> Tensor:
        for one in edits:
            values = one(values)
        return values

    return edit


def add(vector: Tensor, coeff: float | Tensor = 1.0) -> Edit:
    """Add `coeff * vector` (Turner et al. 2023).

    Args:
        vector: `[C, …]` like one example's activation, or `[B, C, …]`.
        coeff: One number, or one for each example `[B]`.
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
    """Take away the component along a direction.

    Args:
        direction: `[C, …]` like one example's activation: that component of the whole activation;
            or `[C]`: that of the channels at every place.

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
        elif along.shape == values.shape[1:2]:
            along = along.view(-1, *[1] * (values.dim() - 2))
            amount = (values * along).sum(1, keepdim=True)
        else:
            raise _misfit(along, values, "the direction")
        kept: Tensor = values - amount * along
        return kept

    return edit


def clamp(
    channels: int | Sequence[int], cells: Sequence[Cell] | None, value: float | Tensor
) -> Edit:
    """Set channels to a value at some cells, or everywhere.

    Args:
        channels: One or several.
        cells: Where in the activation `[B, C, H, W]`; None means at every place.
        value: One number, or one for each channel `[c]`.
    """

    def edit(values: Tensor) -> Tensor:
        chosen = _units(channels, values)
        put = _per_channel(value, chosen, values)
        edited = values.clone()
        if cells is None:
            edited[:, chosen] = put.view(-1, *[1] * (values.dim() - 2))
            return edited
        rows, cols = _cells(torch.tensor(list(cells)).view(-1, 2), values).unbind(1)
        edited[:, chosen[:, None], rows, cols] = put[:, None]
        return edited

    return edit


def clamp_each(channels: int | Sequence[int], cells: Tensor, value: float | Tensor) -> Edit:
    """Set channels to a value at another cell in each example.

    Args:
        channels: One or several.
        cells: Row and column for each example, integers `[B, 2]`.
        value: One number, or one for each channel `[c]`.
    """

    def edit(values: Tensor) -> Tensor:
        if len(cells) != len(values):
            raise ConfigError(f"{len(cells)} cells for {len(values)} examples: one for each")
        chosen = _units(channels, values)
        rows, cols = _cells(cells, values).unbind(1)
        edited = values.clone()
        examples = torch.arange(len(values), device=values.device)[:, None]
        edited[examples, chosen, rows[:, None], cols[:, None]] = _per_channel(value, chosen, values)
        return edited

    return edit


def scale(factor: float, units: Units = None) -> Edit:
    """Multiply units; 1 leaves them as they are."""
    return _where(units, lambda values: values * factor)


def zero(units: Units = None) -> Edit:
    """Set units to zero."""
    return _where(units, torch.zeros_like)


def mean(values: Tensor, units: Units = None) -> Edit:
    """Put recorded means in.

    Args:
        values: `[C, …]` like one example's activation, or `[C]`: one number for each unit.
        units: Which are replaced.
    """

    def means(activation: Tensor) -> Tensor:
        given = values
        if values.dim() == 1 and len(values) == activation.shape[1]:
            given = values.view(-1, *[1] * (activation.dim() - 2)).expand(activation.shape[1:])
        return _fitting(given, activation, "the means")

    return _where(units, means)


def resample(source: Tensor | torch.Generator, units: Units = None) -> Edit:
    """Take units from other inputs ("causal scrubbing").

    Args:
        source: Activations of a donor, `[C, …]` or one for each example `[B, C, …]`; or a generator
            that draws, at every call, another example of the same batch for each.
        units: Which are replaced.
    """

    def donors(values: Tensor) -> Tensor:
        if isinstance(source, Tensor):
            return _fitting(source, values, "the donor")
        if len(values) < 2:
            raise ConfigError("resampling within a batch needs at least 2 examples")
        order = torch.randperm(len(values), generator=source, device=source.device)
        other = torch.empty_like(order)
        other[order] = order.roll(1)  # one cycle: nobody keeps its own
        return values[other.to(values.device)]

    return _where(units, donors)


def _where(units: Units, replacement: Edit) -> Edit:
    """Replace some units by those of `replacement(values)`."""

    def edit(values: Tensor) -> Tensor:
        if units is None:
            return replacement(values).expand_as(values).clone()
        chosen = _units(units, values)
        edited = values.clone()
        edited[:, chosen] = replacement(values).expand_as(values)[:, chosen]
        return edited

    return edit


def _units(units: int | Sequence[int], values: Tensor) -> Tensor:
    if values.dim() < 2:
        raise ConfigError(f"an activation of shape {list(values.shape)} has no axis of units")
    size = values.shape[1]
    chosen = [units] if isinstance(units, int) else list(units)
    for unit in chosen:
        if not -size <= unit < size:
            raise ConfigError(f"unit {unit} is out of range: the layer has {size} (0…{size - 1})")
    return torch.tensor([unit % size for unit in chosen], dtype=torch.long, device=values.device)


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
    if given.shape not in (values.shape, values.shape[1:]):
        raise _misfit(given, values, what)
    return given.to(values)


def _misfit(given: Tensor, values: Tensor, what: str) -> ConfigError:
    return ConfigError(
        f"{what} has shape {list(given.shape)}, but the layer's activation is "
        f"{list(values.shape[1:])} for each of {len(values)} examples"
    )
