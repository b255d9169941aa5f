"""List the layers of a network, with the shapes of their outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chisel.models.spaces import Spaces


@dataclass(frozen=True)
class Layer:
    """A named module of a network."""

    name: str
    kind: str
    """Name of its class."""
    shape: tuple[int, ...] | None
    """Shape of one example's output; None if it is not called, or returns more than one tensor."""
    parameters: int
    """Number of its own parameters, without those of its child modules."""


@torch.no_grad()
def layers_of(model: nn.Module, spaces: Spaces) -> list[Layer]:
    """Return all named modules, in the order in which they finish with an example.

    Modules that are not called come last.

    Args:
        model: The network.
        spaces: Inputs that it reads.
    """
    modules = {name: module for name, module in model.named_modules() if name}
    shapes: dict[str, tuple[int, ...] | None] = {}

    def note(name: str, output: Any) -> None:
        shapes.setdefault(name, tuple(output.shape[1:]) if isinstance(output, Tensor) else None)

    hooks = [
        module.register_forward_hook(lambda _module, _args, output, name=name: note(name, output))
        for name, module in modules.items()
    ]
    try:
        model(spaces.example().to(next(model.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return [
        Layer(
            name,
            type(modules[name]).__name__,
            shapes.get(name),
            sum(one.numel() for one in modules[name].parameters(recurse=False)),
        )
        for name in dict.fromkeys([*shapes, *modules])
    ]
