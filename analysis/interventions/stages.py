"""Run a network from the middle on: keep the activations before an edit, and compute the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chisel.analysis.interventions.patches import Patches
from chisel.models import ActorCritic, ResidualAdd, ResidualUnit
from chisel.routing import Site


@dataclass(frozen=True, eq=False)
class Stages:
    """The layers of an embedder, in order, so that the network can be run from any of them on.

    Stage 0 is the whole network, stage `k` begins before the `k`-th layer of the embedder, and the
    last one reads the features. A residual unit is two layers: itself, and its sum, from which a
    run begins if nothing but the sum's output matters. A network that is no sequence of layers,
    such as experts behind a gate, has only stage 0. The same module objects are called as in a
    whole pass, so edits and recordings at sites after the beginning of the stage work as usual. No
    hooks may be on modules before the stage.
    """

    model: ActorCritic

    @property
    def layers(self) -> list[tuple[str, nn.Module]]:
        """Return the layers with their names: the parts of the embedder's blocks, and sums."""
        if not isinstance(self.model.embedder, nn.Sequential) or self.model.critic is not None:
            return []
        return _layers("embedder", self.model.embedder)

    def of(self, sites: Iterable[Site]) -> int:
        """Return the latest stage from which a run passes through all these sites."""
        layers = self.layers
        return min((_stage(site, layers) for site in sites), default=len(layers))

    def before(self, stage: int, obs: Tensor) -> Tensor:
        """Compute the input of a stage, `[N, …]`; for stage 0 the observations `[N, C, H, W]`."""
        if stage == 0:
            return obs
        with torch.no_grad():
            return _through(self._modules(0, stage), self.model.image(obs))

    def reach(self, obs: Patches) -> int:
        """Return the first stage whose input must be assembled from small boxes.

        Up to that stage, `before_patches` computes only the boxes.
        """
        modules = self._modules(0, len(self.layers))
        reached = obs.reach(modules)
        return reached - 1 if reached and isinstance(modules[reached - 1], ResidualAdd) else reached

    def before_patches(self, stage: int, obs: Patches) -> Tensor:
        """Compute the input of a stage from 1 on, `[N, …]`, for images that differ in small boxes.

        The numbers are those of `before` up to rounding: a convolution of another shape may add
        its terms in another order.
        """
        modules = self._modules(0, stage)
        with torch.no_grad():
            patches = obs.map(self.model.image)
            reached = patches.reach(modules)
            for module in modules[:reached]:
                patches = patches.after(module)
            return _through(modules[reached:], patches.whole())

    def after(self, stage: int, entering: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits `[N, A]` and values `[N]` from the input of a stage."""
        with torch.no_grad():
            if stage == 0:
                outputs: tuple[Tensor, Tensor] = self.model(obs)
                return outputs
            values = entering
            for call in _rest(self.model.embedder, stage):
                values = call(values)
            return self.model.heads(values, obs)

    def _modules(self, first: int, end: int) -> list[nn.Module]:
        return [module for _, module in self.layers[first:end]]


def _layers(name: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    if isinstance(module, nn.Sequential):
        parts = module.named_children()
        return [one for part, child in parts for one in _layers(f"{name}.{part}", child)]
    if isinstance(module, ResidualUnit):
        return [(name, module), (f"{name}.resadd", module.resadd)]
    return [(name, module)]


def _stage(site: Site, layers: list[tuple[str, nn.Module]]) -> int:
    """Return the stage before the layer that is a site's module, or contains it."""
    module = site.module
    if module in ("fc_policy", "fc_value"):
        return len(layers)
    for number, (name, layer) in enumerate(layers):
        if isinstance(layer, ResidualAdd) and site.side == "output" and module == name:
            return number
    for number, (name, _) in enumerate(layers):
        if module == name or module.startswith(f"{name}.") or name.startswith(f"{module}."):
            return 0 if module == "embedder" else number
    return 0


def _through(modules: list[nn.Module], values: Tensor) -> Tensor:
    for module in modules:
        if not isinstance(module, ResidualAdd):  # its unit has made the sum
            values = module(values)
    return values


def _rest(module: nn.Module, stage: int) -> list[Callable[[Tensor], Tensor]]:
    """Return the callables of a module from a stage on: the module itself from its first stage on.

    A sum gets the output of its unit, and adds nothing.
    """
    if stage <= 0:
        return [module]
    if isinstance(module, ResidualUnit):
        return [lambda values: module.resadd(values, values.new_zeros(()))] if stage == 1 else []
    if not isinstance(module, nn.Sequential):
        return []
    rest: list[Callable[[Tensor], Tensor]] = []
    for child in module.children():
        rest += _rest(child, stage)
        stage -= len(_layers("", child))
    return rest
