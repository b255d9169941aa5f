"""A network cut at a layer: what comes before it is computed once, what comes after many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chisel.analysis.interventions.hooks import Edit, edit_at, find_modules, intervene, record
from chisel.models import ActorCritic

BATCH = 512
"""Examples that pass the rest of the network at a time."""


@dataclass(frozen=True)
class LayerSplit:
    """The output of one module, of any model; cheap where everything passes through it.

    That is so for the output of a block, a residual unit or a layer between them; elsewhere the
    layers before run again and their result is thrown away.
    """

    model: ActorCritic
    module: str

    def before(self, obs: Tensor) -> Tensor:
        """The module's output `[N, C, H, W]` for observations `[N, C, H, W]`.

        Raises:
            ConfigError: If there is no such module.
        """
        return record(self.model, [self.module], lambda: self.model(obs))[self.module]

    def after(
        self, activations: Tensor, obs: Tensor, edit: Edit | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits `[N, A]` and values `[N]` of outputs of the module, edited or not.

        Args:
            activations: `[N, C, H, W]`.
            obs: The observations that they come from `[N, C, H, W]`.
            edit: Applied to batches of `activations`; what depends on the example must be applied
                before.
        """
        rest = _rest(self.model, self.module)
        if edit is not None:
            edit = edit_at(self.module, self.model.get_submodule(self.module), edit)
        found = []
        with torch.no_grad():
            for part, seen in zip(
                torch.split(activations, BATCH), torch.split(obs, BATCH), strict=True
            ):
                edited = part if edit is None else edit(part)
                found.append(self._run(rest, edited, seen))
        logits, values = zip(*found, strict=True)
        return torch.cat(logits), torch.cat(values)

    def _run(self, rest: nn.Module | None, edited: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        if rest is not None:
            return self.model.heads(rest(edited), obs)
        with intervene(self.model, {self.module: lambda _: edited}):
            logits, values = self.model(obs)
        return logits, values

    def differentiable(self, activations: Tensor, obs: Tensor) -> Tensor:
        """Logits `[N, A]` with a graph back to `activations`."""
        return self._run(_rest(self.model, self.module), activations, obs)[0]


@dataclass(frozen=True, eq=False)
class ActivationCache:
    """Observations that have passed a network once, to be taken up again at several modules.

    An edit of a module costs what comes after it, and at a module inside a residual unit the unit
    as well. Where the network branches before the module, all of it runs.
    """

    model: ActorCritic
    obs: Tensor
    """`[N, C, H, W]`, on the network's device."""
    outputs: Mapping[str, Tensor]
    """By module what is kept of it, `[N, …]`."""

    def logits(self, module: str, edit: Edit) -> Tensor:
        """Logits `[N, A]` with one module's output edited, bit for bit those of a whole pass."""
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
    """Run observations once, and keep what edits of these modules need.

    Args:
        model: A network.
        modules: Names of those that will be edited.
        obs: `[N, C, H, W]`.

    Raises:
        ConfigError: If there is no such module.
    """
    find_modules(model, modules)
    seen = obs.to(model.fc_policy.weight.device)
    places = [_place(model, module) for module in modules]
    wanted = {place.kept for place in places if place is not None}
    return ActivationCache(model, seen, record(model, sorted(wanted), lambda: model(seen)))


@dataclass(frozen=True)
class _Place:
    """Where a module is in an embedder that is a sequence of layers and units."""

    kept: str
    """The module whose output is all that the rest needs."""
    rest: tuple[nn.Module, ...]
    """What comes after that, up to the features."""
    whole: bool
    """Whether `kept` is the module's own output; otherwise the module is in the rest."""


def _place(model: ActorCritic, module: str) -> _Place | None:
    """None if the network branches before the module."""
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
    """All layers of the embedder after a module; None if something leads past it."""
    place = _place(model, module)
    if place is None or not place.whole or model.critic is not None:
        return None
    return nn.Sequential(*place.rest)
