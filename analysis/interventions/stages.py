"""A network run on from the middle: what an edit changes is computed, what comes before is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chisel.models import ActorCritic
from chisel.routing import Site


@dataclass(frozen=True, eq=False)
class Stages:
    """The layers of an embedder, in order, so that the network can be run from any of them on.

    Stage 0 is the whole network, stage `k` begins before the `k`-th layer of the embedder, and the
    last one reads the features. A network that is no sequence of layers, such as experts behind a
    gate, has stage 0 alone. Modules are called by the same objects as in a whole pass, so edits
    and recordings at sites from the stage on work as usual.
    """

    model: ActorCritic

    @property
    def layers(self) -> list[tuple[str, nn.Module]]:
        """Return the layers with their names: the children of the embedder's blocks."""
        found: list[tuple[str, nn.Module]] = []
        if isinstance(self.model.embedder, nn.Sequential) and self.model.critic is None:
            for name, child in self.model.embedder.named_children():
                inner = child.named_children() if isinstance(child, nn.Sequential) else ()
                parts = [(f"embedder.{name}.{part}", module) for part, module in inner]
                found += parts or [(f"embedder.{name}", child)]
        return found

    def of(self, sites: Iterable[Site]) -> int:
        """Return the latest stage from which a run passes all these sites."""
        names = [name for name, _ in self.layers]
        return min((_stage(site.module, names) for site in sites), default=len(names) or 0)

    def before(self, stage: int, obs: Tensor) -> Tensor:
        """Compute what enters a stage, `[N, …]`; for stage 0 the observations `[N, C, H, W]`."""
        if stage == 0:
            return obs
        with torch.no_grad():
            if stage == len(self.layers):
                return self.model.features(obs)
            return self._recorded(stage, obs)

    def _recorded(self, stage: int, obs: Tensor) -> Tensor:
        entered: list[Tensor] = []

        class Entered(Exception):
            """The stage is reached."""

        def stop(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
            entered.append(args[0].detach())
            raise Entered

        handle = self.layers[stage][1].register_forward_pre_hook(stop)
        try:
            self.model.features(obs)
        except Entered:
            pass
        finally:
            handle.remove()
        return entered[0]

    def after(self, stage: int, entering: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits `[N, A]` and values `[N]` from what enters a stage."""
        with torch.no_grad():
            if stage == 0:
                outputs: tuple[Tensor, Tensor] = self.model(obs)
                return outputs
            values = entering
            for module in self._rest(stage):
                values = module(values)
            return self.model.heads(values, obs)

    def _rest(self, stage: int) -> list[nn.Module]:
        """Return what is called from a stage on: whole blocks where the stage is not inside one."""
        rest: list[nn.Module] = []
        first = 0
        for child in self.model.embedder.children():
            inner = list(child.children()) if isinstance(child, nn.Sequential) else [child]
            if stage <= first:
                rest.append(child)
            elif stage < first + len(inner):
                rest += inner[stage - first :]
            first += len(inner)
        return rest


def _stage(module: str, layers: list[str]) -> int:
    """Return the stage before the layer that a module is, is in, or begins with."""
    if module in ("fc_policy", "fc_value"):
        return len(layers)
    for number, name in enumerate(layers):
        if module == name or module.startswith(f"{name}.") or name.startswith(f"{module}."):
            return 0 if module == "embedder" else number
    return 0
