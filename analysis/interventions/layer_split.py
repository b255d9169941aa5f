"""A network split at a layer: the part before it runs once, the part after it many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chisel.analysis.interventions.hooks import Edit, edit_at, find_modules, intervene, record
from chisel.models import ActorCritic

BATCH = 512
"""Number of examples in one forward pass through the rest of the network."""


@dataclass(frozen=True)
class LayerSplit:
    """A model split at the output of one module.

    If everything passes through the module, as through a block, a residual unit or a layer between
    them, `after` runs the rest of the network alone. At other modules it runs the whole network
    and replaces the module's output.
    """

    model: ActorCritic
    module: str
    """Name of the module."""

    def before(self, obs: Tensor) -> Tensor:
        """Compute the module's output `[N, C, H, W]` for observations `[N, C, H, W]`.

        Raises:
            ConfigError: If there is no such module.
        """
        return record(self.model, [self.module], lambda: self.model(obs))[self.module]

    def after(
        self, activations: Tensor, obs: Tensor, edit: Edit | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute logits `[N, A]` and values `[N]` from outputs of the module, edited or not.

        Args:
            activations: Outputs of the module, `[N, C, H, W]`.
            obs: Observations that they come from, `[N, C, H, W]`.
            edit: Applied to batches of `activations`, so it must be the same for all examples.
        """
        rest = _rest(self.model, self.module)
        if edit is not None:
            edit = edit_at(self.module, self.model.get_submodule(self.module), edit)
        outputs = []
        with torch.no_grad():
            for part, part_obs in zip(
                torch.split(activations, BATCH), torch.split(obs, BATCH), strict=True
            ):
                edited = part if edit is None else edit(part)
                outputs.append(self._run(rest, edited, part_obs))
        logits, values = zip(*outputs, strict=True)
        return torch.cat(logits), torch.cat(values)

    def _run(self, rest: nn.Module | None, edited: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        if rest is not None:
            return self.model.heads(rest(edited), obs)
        with intervene(self.model, {self.module: lambda _: edited}):
            logits, values = self.model(obs)
        return logits, values

    def differentiable(self, activations: Tensor, obs: Tensor) -> Tensor:
        """Compute logits `[N, A]` with a graph back to `activations`."""
        return self._run(_rest(self.model, self.module), activations, obs)[0]


@dataclass(frozen=True, eq=False)
class ActivationCache:
    """Activations of some observations, to compute logits with edits at several modules.

    An edit costs the part of the network after its module, and at a module inside a residual unit
    that unit as well. If the network branches before the module, the whole network runs.
    """

    model: ActorCritic
    obs: Tensor
    """Observations `[N, C, H, W]`, on the network's device."""
    outputs: Mapping[str, Tensor]
    """Outputs `[N, …]` of the modules from which the network is run on, by name."""

    def logits(self, module: str, edit: Edit) -> Tensor:
        """Compute logits `[N, A]` with one output edited, equal bit for bit to a whole pass."""
        place = _place(self.model, module)
        with torch.no_grad():
            if place is None:
                with intervene(self.model, {module: edit}):
                    logits: Tensor = self.model(self.obs)[0]
                return logits
            kept, rest = self.outputs[place.kept], nn.Sequential(*place.rest)
            if place.whole:
                edit = edit_at(module, self.model.get_submodule(module), edit)
                return self._policy(rest(edit(kept.clone())))
            with intervene(self.model, {module: edit}):
                return self._policy(rest(kept))

    def _policy(self, features: Tensor) -> Tensor:
        logits: Tensor = self.model.fc_policy(features)
        return logits


def keep(model: ActorCritic, modules: Sequence[str], obs: Tensor) -> ActivationCache:
    """Run observations once, and keep the activations that edits of these modules need.

    Args:
        model: The network.
        modules: Names of the modules that will be edited.
        obs: Observations `[N, C, H, W]`.

    Raises:
        ConfigError: If there is no such module.
    """
    find_modules(model, modules)
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


def _place(model: ActorCritic, module: str) -> _Place | None:
    """Return the place of a module; None if the network branches before it."""
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


def _rest(model: ActorCritic, module: str) -> nn.Module | None:
    """Return all layers of the embedder after a module; None if something bypasses it."""
    place = _place(model, module)
    if place is None or not place.whole or model.critic is not None:
        return None
    return nn.Sequential(*place.rest)
