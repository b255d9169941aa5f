"""A network cut at a layer: what comes before it is computed once, what comes after many times."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.interventions import Edit, intervene, record
from models import ActorCritic

BATCH = 512
"""Examples that pass the rest of the network at a time."""


@dataclass(frozen=True)
class Cut:
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


def _rest(model: ActorCritic, module: str) -> nn.Module | None:
    """All layers of the embedder after a module; None if something leads past it."""
    first, *parts = module.split(".")
    if first != "embedder" or model.critic is not None:
        return None
    later: list[nn.Module] = []
    node: nn.Module = model.embedder
    for part in parts:
        if isinstance(node, nn.Sequential):
            names = [name for name, _ in node.named_children()]
            later = [*list(node)[names.index(part) + 1 :], *later]
        elif part != "resadd":  # the sum that a residual unit returns
            return None
        node = node.get_submodule(part)
    return nn.Sequential(*later)
