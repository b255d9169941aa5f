"""How far parameters have moved: some must not have."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

SHARED = "shared"
"""Stands for elements that no region owns."""

UNTESTED = "UNTESTED"
"""Stands for what cannot be said of a region."""


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters by name."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def moved(
    model: nn.Module, before: Mapping[str, Tensor], owned: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, dict[str, float]]:
    """The largest change of any element since a snapshot, by region and parameter.

    After any number of optimiser steps on examples that are routed away from a region, all of its
    numbers must be exactly 0: masks, clipping, momentum and weight decay are all in them.

    Args:
        model: The network.
        before: `snapshot(model)`, taken then.
        owned: Masks of elements by parameter and region (`Router.owned`).

    Returns:
        By region, then by parameter; `shared` has what no region owns. A region that is not
        protected also has `UNTESTED`, with NaN: it may move, or own nothing that could be looked
        at.
    """
    loose = getattr(owned, "unprotected", ())
    found: dict[str, dict[str, float]] = {region: {UNTESTED: math.nan} for region in loose}
    for name, parameter in model.named_parameters():
        change = (parameter.detach() - before[name]).abs()
        free = torch.ones_like(change, dtype=torch.bool)
        for region, mask in owned.get(name, {}).items():
            own = mask.to(change.device)
            free &= ~own
            found.setdefault(region, {})[name] = change[own].max().item()
        if free.any():
            found.setdefault(SHARED, {})[name] = change[free].max().item()
    return found
