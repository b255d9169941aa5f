"""Split a network at a layer, to run the part before it once and the part after it many times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chisel.analysis.interventions.hooks import (
    Edit,
    as_site,
    at_site,
    intervene,
    record,
)
from chisel.analysis.results import as_config_errors
from chisel.models import ActorCritic
from chisel.routing import RoutingError, Site
from chisel.routing.sites import own_axis, units_axis

BATCH = 512
"""Number of examples in one forward pass through the rest of the network."""


@dataclass(frozen=True)
class LayerSplit:
    """A model split at one site.

    If everything passes through the module, as through a block, a residual unit or a layer between
    them, `after` runs the rest of the network alone. At other sites, and in a network that is no
    `ActorCritic`, it runs the whole network and replaces the activation.
    """

    model: nn.Module
    """Any network that returns logits `[N, …]` and values `[N]`, or logits alone if only
    `differentiable` is used."""
    module: str | Site
    """The site, or the name of a module, which stands for its output."""

    @property
    def site(self) -> Site:
        """Return the site."""
        return as_site(self.module)

    def axis(self, activations: Tensor) -> int:
        """Return the axis of the units of activations `[N, …]`.

        Raises:
            ConfigError: If neither the layer nor the site determines it.
        """
        with as_config_errors(RoutingError):
            return units_axis(activations, self.site, own_axis(self.model, self.site))

    def before(self, obs: Tensor) -> Tensor:
        """Compute the activation `[N, …]` for observations `[N, …]`.

        Raises:
            ConfigError: If there is no such module.
        """
        return record(self.model, [self.module], lambda: self.model(obs))[self.module]

    def after(
        self, activations: Tensor, obs: Tensor, edit: Edit | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute logits `[N, A]` and values `[N]` from activations, edited or not.

        Args:
            activations: Activations at the site, `[N, …]`.
            obs: Observations that they come from, `[N, …]`.
            edit: Edit that is applied to batches of `activations`, so it must be the same for all
                examples.
        """
        rest = _rest(self.model, self.module)
        if edit is not None:
            edit = at_site(self.model, self.site, edit)
        outputs = []
        with torch.no_grad():
            for part, part_obs in zip(
                torch.split(activations, BATCH), torch.split(obs, BATCH), strict=True
            ):
                edited = part if edit is None else edit(part)
                outputs.append(self._run(rest, edited, part_obs))
        logits, values = zip(*outputs, strict=True)
        return torch.cat(logits), torch.cat(values)

    def _run(self, rest: nn.Module | None, edited: Tensor, obs: Tensor) -> Any:
        if rest is not None and isinstance(self.model, ActorCritic):
            return self.model.heads(rest(edited), obs)
        with intervene(self.model, {self.module: lambda _: edited}):
            return self.model(obs)

    def differentiable(self, activations: Tensor, obs: Tensor) -> Tensor:
        """Compute logits `[N, …]` with a graph back to `activations`."""
        returned = self._run(_rest(self.model, self.module), activations, obs)
        logits: Tensor = returned if isinstance(returned, Tensor) else returned[0]
        return logits


def _rest(model: nn.Module, at: str | Site) -> nn.Module | None:
    """Return all layers of the embedder after a module; None if something bypasses it."""
    site = as_site(at)
    name, *parts = site.module.split(".")
    if not isinstance(model, ActorCritic) or model.critic is not None or name != "embedder":
        return None
    if site != Site(site.module, axis=site.axis):
        return None
    node: nn.Module = model.embedder
    later: list[nn.Module] = []
    for part in parts:
        if not isinstance(node, nn.Sequential):  # everything passes through the sum of a unit
            return nn.Sequential(*later) if part == "resadd" else None
        index = [child for child, _ in node.named_children()].index(part)
        later = [*list(node)[index + 1 :], *later]
        node = node[index]
    return nn.Sequential(*later)
