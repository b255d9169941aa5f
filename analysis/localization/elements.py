"""Assign the elements of a network's parameters to regions and layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SHARED = "shared"
"""Name for the elements that belong to no region, or to several."""


@dataclass(frozen=True)
class Elements:
    """The elements of a network's parameters, by region and layer."""

    regions: tuple[str, ...]
    """Names of the regions; the last is `SHARED`."""
    layers: tuple[str, ...]
    """Names of the modules with parameters of their own, in the network's order."""
    sizes: NDArray[np.int64]
    """Number of elements of each region and layer `[R, L]`."""
    masks: Mapping[str, Mapping[str, Tensor]]
    """Masks by parameter and region, bool in the parameter's shape. Each element is in one mask."""

    @classmethod
    def of(cls, model: nn.Module, owned: Mapping[str, Mapping[str, Tensor]]) -> Elements:
        """Assign the elements of a network.

        Args:
            model: Network to divide.
            owned: Elements that a region owns, by parameter and region (`Router.owned`).
        """
        names = dict.fromkeys(region for masks in owned.values() for region in masks)
        regions = (*names, SHARED)
        parameters = dict(model.named_parameters())
        masks = {name: _disjoint(p, owned.get(name, {})) for name, p in parameters.items()}
        layers = tuple(dict.fromkeys(layer_of(name) for name in parameters))
        sizes = np.zeros((len(regions), len(layers)), np.int64)
        for name, by_region in masks.items():
            for region, mask in by_region.items():
                sizes[regions.index(region), layers.index(layer_of(name))] += int(mask.sum())
        return cls(regions, layers, sizes, masks)

    def squares(self, gradients: Mapping[str, Tensor | None]) -> NDArray[np.float64]:
        """Return sums of squares `[R, L]` of gradients by parameter; `None` adds nothing."""
        found = np.zeros(self.sizes.shape)
        for name, by_region in self.masks.items():
            gradient = gradients[name]
            if gradient is None:
                continue
            squared = gradient.detach().double().square()
            layer = self.layers.index(layer_of(name))
            for region, mask in by_region.items():
                norm = squared.sum() if len(by_region) == 1 else squared[mask].sum()
                found[self.regions.index(region), layer] += float(norm)
        return found


def layer_of(parameter: str) -> str:
    """Return the name of the module that a parameter belongs to."""
    return parameter.rpartition(".")[0]


def _disjoint(parameter: Tensor, owned: Mapping[str, Tensor]) -> dict[str, Tensor]:
    owners = torch.zeros(parameter.shape, dtype=torch.int64)
    for mask in owned.values():
        owners += mask.cpu()
    masks = {region: mask.cpu() & (owners == 1) for region, mask in owned.items()}
    masks[SHARED] = owners != 1
    return {region: mask.to(parameter.device) for region, mask in masks.items() if mask.any()}
