"""The hooks that a router adds to a model's modules, and their behaviour in a copy of the model.

A copy of a routed model (`copy.deepcopy`, `torch.save`) has no routing. To avoid silently unrouted
gradients, running the copy is an error while labels are in use for the original.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.sites import Site
from chisel.routing.sites.site import with_tensor

InUse = Callable[[], bool]
"""Function that returns whether labels are in use, so that gradients are routed."""

_PACKAGE = __name__.removesuffix("gradient.hooks")


class SiteHook:
    """A forward hook or pre-hook that routes the gradient at a site.

    Args:
        route: Function from the tensor at the site to one whose gradient is routed; None in a copy
            of the model.
        in_use: Function that returns whether labels are in use.
        site: The site; None for a hook that only observes the module's output.
    """

    def __init__(
        self, route: Callable[[Any], Any] | None, in_use: InUse, site: Site | None
    ) -> None:
        self.route, self._in_use, self._site = route, in_use, site

    def __call__(self, module: nn.Module, args: tuple[Any, ...], *output: Any) -> Any:
        """Return the module's output or input with the routed tensor; None leaves it unchanged.

        Raises:
            RoutingError: If this hook is in a copy of the model and labels are in use.
        """
        if not self._in_use():
            return None
        if self.route is None:
            raise _in_a_copy()
        value = output[0] if output else args
        if self._site is None:
            self.route(value)
            return None
        place = self._site.place_in(module, value)
        if place is None:
            return self.route(value)
        return with_tensor(value, place, self.route(value[place]))

    def __deepcopy__(self, memo: dict[int, Any]) -> SiteHook:
        return SiteHook(None, self._in_use, self._site)

    def __reduce__(self) -> Any:
        return SiteHook, (None, _never, self._site)


class RoutedForward:
    """The `forward` of a layer whose weights are routed.

    Args:
        layer: A layer whose class's `forward` computes it without labels.
        route: Function that computes the output while labels are in use; None in a copy of the
            model.
        in_use: Function that returns whether labels are in use.
    """

    def __init__(
        self,
        layer: nn.Module,
        route: Callable[[nn.Module, Tensor], Tensor] | None,
        in_use: InUse,
    ) -> None:
        self._layer, self.route, self._in_use = layer, route, in_use

    def __call__(self, input: Tensor) -> Tensor:
        """Compute the layer's output, with a routed gradient while labels are in use.

        Raises:
            RoutingError: If this is in a copy of the model and labels are in use.
        """
        if self._in_use():
            if self.route is None:
                raise _in_a_copy()
            return self.route(self._layer, input)
        plain: Tensor = type(self._layer).forward(self._layer, input)
        return plain

    def __deepcopy__(self, memo: dict[int, Any]) -> RoutedForward:
        return RoutedForward(copy.deepcopy(self._layer, memo), None, self._in_use)

    def __reduce__(self) -> Any:
        return RoutedForward, (self._layer, None, _never)


def without_routes(model: nn.Module) -> nn.Module:
    """Return a copy of the model without any hook of this room, as it was before `attach`."""
    plain: nn.Module = copy.deepcopy(getattr(model, "_orig_mod", model))
    _remove(plain, _is_ours)
    return plain


def remove_copied_hooks(model: nn.Module) -> None:
    """Remove a router's hooks from a copy of the model that the router was attached to."""
    _remove(model, _is_copy)


def _remove(model: nn.Module, goes: Callable[[Any], bool]) -> None:
    """Remove the hooks and forwards for which `goes` is true from a model's modules."""
    for module in model.modules():
        if goes(module.__dict__.get("forward")):
            del module.__dict__["forward"]
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            for key in [key for key, hook in hooks.items() if goes(hook)]:
                del hooks[key]


def _is_ours(hook: Any) -> bool:
    """Return whether a hook comes from this room: from a router, an ablation or a dropout."""
    return str(getattr(hook, "__module__", "")).startswith(_PACKAGE)


def _is_copy(hook: Any) -> bool:
    return isinstance(hook, SiteHook | RoutedForward) and hook.route is None


def _never() -> bool:
    return False


def _in_a_copy() -> RoutingError:
    return RoutingError(
        "this is a copy of a routed model, without routes: attach a router to the copy, or clear "
        "the labels, or disable gradients"
    )
