"""What a network returns, as it is and ablated, compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chisel.routing.ablation.ablate import ablate
from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Region
from chisel.routing.regions.examples import as_inputs, evaluating, tensors_in


def outputs(model: nn.Module, example: Any) -> list[Tensor]:
    """All tensors that the model returns for an example, in evaluation mode."""
    with evaluating(model):
        return list(tensors_in(model(*as_inputs(example))))


def ablated_outputs(
    model: nn.Module, regions: Mapping[str, Region], names: Iterable[str], example: Any
) -> list[Tensor]:
    """The same with some regions set to zero."""
    with ablate(model, regions, dict.fromkeys(names, "zero")):
        return outputs(model, example)


def require_same(found: list[Tensor], expected: list[Tensor], how: str) -> None:
    """Refuse outputs that differ by more than rounding.

    Raises:
        RoutingError: They do.
    """
    for one, other in zip(found, expected, strict=True):
        if one.shape != other.shape:
            raise RoutingError(f"{how} the model returns {list(one.shape)}, not as when ablated")
        if not one.is_floating_point():
            continue
        difference = (one - other).abs().max().item() if one.numel() else 0.0
        scale = 1 + (other.abs().max().item() if other.numel() else 0.0)
        # Written so that NaN is refused as well.
        if not difference <= 100 * torch.finfo(one.dtype).eps * scale:
            raise RoutingError(
                f"{how} the model's outputs are not those of the ablated model: they differ by "
                f"up to {difference:.2g}"
            )
