"""What a router leaves in a model's modules, and what becomes of it in a copy.

A copy of a routed model (`copy.deepcopy`, `torch.save`) is a plain model. Labels that are in use
for the first one are an error in it, since its gradients would go unrouted without a word.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.activations import first_of, with_first

Uses = Callable[[], bool]
"""Says whether labels are in use, so that gradients are to be routed."""


class SiteHook:
    """A forward hook, or pre-hook, that routes the gradient at a site.

    Args:
        route: Returns the tensor whose gradient is routed.
        in_use: Whether labels are in use.
        what: The site, for messages.
    """

    def __init__(self, route: Callable[[Any], Any], in_use: Uses, what: str) -> None:
        self._route, self._in_use, self._what = route, in_use, what

    def __call__(self, module: nn.Module, args: tuple[Any, ...], *output: Any) -> Any:
        """Hand on another tensor for the module's output or input; None leaves it."""
        if not self._in_use():
            return None
        if output:
            return with_first(output[0], self._route(first_of(output[0])))
        if len(args) != 1:
            raise RoutingError(
                f"{self._what} is {len(args)} positional arguments; only one can be routed"
            )
        return (self._route(args[0]),)

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiedHook:
        return CopiedHook(self._in_use)

    def __reduce__(self) -> Any:
        return CopiedHook, ()


class CopiedHook:
    """What a hook is in a copy of the model: nothing, but it refuses labels that are in use."""

    def __init__(self, in_use: Uses | None = None) -> None:
        self._in_use = in_use

    def __call__(self, module: nn.Module, *_: Any) -> None:
        """Check that nobody expects gradients to be routed here."""
        _require_idle(self._in_use)

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiedHook:
        return CopiedHook(self._in_use)

    def __reduce__(self) -> Any:
        return CopiedHook, ()


class RoutedForward:
    """The forward of a layer whose weights are routed.

    Args:
        layer: A layer without a forward of its own.
        routed: Computes its output while labels are in use.
        in_use: Whether labels are in use.
    """

    def __init__(
        self, layer: nn.Module, routed: Callable[[nn.Module, Tensor], Tensor], in_use: Uses
    ) -> None:
        self._layer, self._routed, self._in_use = layer, routed, in_use

    def __call__(self, input: Tensor) -> Tensor:
        """What the layer computes."""
        if self._in_use():
            return self._routed(self._layer, input)
        plain: Tensor = type(self._layer).forward(self._layer, input)
        return plain

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiedForward:
        return CopiedForward(copy.deepcopy(self._layer, memo), self._in_use)

    def __reduce__(self) -> Any:
        return CopiedForward, (self._layer,)


class CopiedForward:
    """What a routed forward is in a copy of the model: the layer's own."""

    def __init__(self, layer: nn.Module, in_use: Uses | None = None) -> None:
        self._layer, self._in_use = layer, in_use

    def __call__(self, input: Tensor) -> Tensor:
        """What the layer computes."""
        _require_idle(self._in_use)
        plain: Tensor = type(self._layer).forward(self._layer, input)
        return plain

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiedForward:
        return CopiedForward(copy.deepcopy(self._layer, memo), self._in_use)

    def __reduce__(self) -> Any:
        return CopiedForward, (self._layer,)


def remove_hooks(model: nn.Module, *, copied_only: bool = False) -> None:
    """Take out everything that routers left in a model's modules."""
    ours = (CopiedHook,) if copied_only else (SiteHook, CopiedHook)
    forwards = (CopiedForward,) if copied_only else (RoutedForward, CopiedForward)
    for module in model.modules():
        if isinstance(module.__dict__.get("forward"), forwards):
            del module.__dict__["forward"]
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            for key in [key for key, hook in hooks.items() if isinstance(hook, ours)]:
                del hooks[key]


def _require_idle(in_use: Uses | None) -> None:
    if in_use is not None and in_use():
        raise RoutingError(
            "this is a copy of a routed model, without routes: attach a router to the copy, or "
            "clear the labels, or disable gradients"
        )
