"""Split a network at a layer, to run the part before it once and the part after it many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chisel.analysis.interventions.hooks import (
    Edit,
    as_site,
    at_site,
    find_sites,
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


@dataclass(frozen=True, eq=False)
class ActivationCache:
    """Activations of some observations, to compute logits with edits at several modules.

    An edit costs a pass through the part of the network after its module; at a module inside a
    residual unit, that unit runs as well. If the network branches before the module, the whole
    network runs.
    """

    model: ActorCritic
    obs: Tensor
    """Observations `[N, C, H, W]`, on the network's device."""
    outputs: Mapping[str, Tensor]
    """Outputs `[N, …]` of the modules from which the network is run on, by name."""

    def logits(self, module: str | Site, edit: Edit) -> Tensor:
        """Compute logits `[N, A]` with one output edited, equal bit for bit to a whole pass."""
        place = _place(self.model, module)
        with torch.no_grad():
            if place is None:
                with intervene(self.model, {module: edit}):
                    logits: Tensor = self.model(self.obs)[0]
                return logits
            kept, rest = self.outputs[place.kept], nn.Sequential(*place.rest)
            if place.whole:
                return self._policy(rest(at_site(self.model, as_site(module), edit)(kept)))
            with intervene(self.model, {module: edit}):
                return self._policy(rest(kept))

    def _policy(self, features: Tensor) -> Tensor:
        logits: Tensor = self.model.fc_policy(features)
        return logits


def keep(model: ActorCritic, modules: Sequence[str | Site], obs: Tensor) -> ActivationCache:
    """Run observations once, and keep the activations that edits of these modules need.

    Args:
        model: The network.
        modules: Names of the modules, or the sites, that will be edited.
        obs: Observations `[N, C, H, W]`.

    Raises:
        ConfigError: If there is no such module.
    """
    find_sites(model, modules)
    obs = obs.to(model.fc_policy.weight.device)
    places = [_place(model, module) for module in modules]
    wanted = {place.kept for place in places if place is not None}
    return ActivationCache(model, obs, record(model, sorted(wanted), lambda: model(obs)))


@dataclass(frozen=True)
class _Place:
    """The place of a module in an embedder that is a sequence of layers and residual units."""

    kept: str
    """Name of the module whose output is all that `rest` needs."""
    rest: tuple[nn.Module, ...]
    """The layers after it, up to the features."""
    whole: bool
    """Whether `kept` is the module itself; otherwise the module is in `rest`."""


def _place(model: nn.Module, at: str | Site) -> _Place | None:
    """Return the place of a module; None if the network branches before it, or is another kind."""
    site = as_site(at)
    if site != Site(site.module, axis=site.axis) or not isinstance(model, ActorCritic):
        return None
    module = site.module
    if module == "fc_policy":
        return _Place("embedder", (), whole=False)
    name, *parts = module.split(".")
    if name != "embedder":
        return None
    node: nn.Module = model.embedder
    later: tuple[nn.Module, ...] = ()
    before = None
    for part in parts:
        if not isinstance(node, nn.Sequential):
            if part == "resadd":  # the sum that a residual unit returns
                return _Place(module, later, whole=True)
            return None if before is None else _Place(before, (node, *later), whole=False)
        names = [child for child, _ in node.named_children()]
        index = names.index(part)
        if index:
            before = f"{name}.{names[index - 1]}"
        later = (*list(node)[index + 1 :], *later)
        node, name = node[index], f"{name}.{part}"
    return _Place(module, later, whole=True)


def _rest(model: nn.Module, at: str | Site) -> nn.Module | None:
    """Return all layers of the embedder after a module; None if something bypasses it."""
    place = _place(model, at)
    if place is None or not place.whole or getattr(model, "critic", None) is not None:
        return None
    return nn.Sequential(*place.rest)
