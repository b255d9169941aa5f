"""Record and replace activations at sites, which is the mechanism of every intervention."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import TypeVar

import torch
from torch import Tensor, nn

from chisel.analysis.results import as_config_errors
from chisel.configs import ConfigError, hint
from chisel.routing import RoutingError, Site
from chisel.routing.sites import Thread, edit_at, editing, own_axis, units_axis

Edit = Callable[[Tensor], Tensor]
"""Function from an activation `[B, …]` to the one that replaces it, of the same shape."""
Place = TypeVar("Place", bound=str | Site)
"""A site, or the name of a module, which stands for its output."""


@contextlib.contextmanager
def intervene(model: nn.Module, edits: Mapping[Place, Edit]) -> Iterator[None]:
    """Replace activations at some sites within the context.

    Contexts can be nested: an inner one edits the output of an outer one. An edit gets a copy of
    the activation, so an edit in place changes nothing else (the output of an identity or of a
    flattening shares its memory with its input). All edits are removed when the context is left,
    even by an exception. If a module returns one tensor of floats among other values, as attention
    and the blocks of transformers do, that tensor is edited.

    Only the thread that entered the context may run the model within it. Another thread is refused,
    because it would get the edits too; give each thread its own copy of the model.

    Example:
        `intervene(model, {"blocks.3": add(v), Site("blocks.5", positions=[-1]): zero([7])})`

    Args:
        model: Any network, not compiled.
        edits: Edits by site, or by the module's name in `model.named_modules()`.

    Raises:
        ConfigError: On entry, if there is no such module or the model is compiled. While the model
            runs, if the site is not one tensor of floats, has no such position, or has its units on
            another axis; an edit changes the shape; or another thread runs the model. On exit, if
            the model ran without passing a site.
    """
    sites = find_sites(model, edits)
    at_sites = [(sites[place], at_site(model, sites[place], edit)) for place, edit in edits.items()]
    with editing(
        model, at_sites, watched=model.modules(), around=as_config_errors(RoutingError)
    ) as missing:
        yield
    for site in missing():
        raise ConfigError(f"the model ran without calling {site.module}: nothing was changed")


@contextlib.contextmanager
def recording(model: nn.Module, places: Iterable[Place]) -> Iterator[dict[Place, list[Tensor]]]:
    """Record the activations at some sites within the context.

    They are recorded after the edits of interventions around this context, and only for the thread
    that entered it.

    Args:
        model: Any network, not compiled.
        places: Sites, or names of modules.

    Yields:
        A list for each place, to which a detached copy `[B, …]` is appended at each pass.

    Raises:
        ConfigError: As for `intervene`.
    """
    sites = find_sites(model, places)
    kept: dict[Place, list[Tensor]] = {place: [] for place in sites}

    def keeping(place: Place) -> Callable[[Tensor], None]:
        return lambda values: kept[place].append(values.detach().clone())

    with contextlib.ExitStack() as stack:
        for place, site in sites.items():
            handle = edit_at(
                model, site, keeping(place), applies=Thread(), around=as_config_errors(RoutingError)
            )
            stack.callback(handle.remove)
        yield kept


def record(
    model: nn.Module, places: Iterable[Place], run: Callable[[], object]
) -> dict[Place, Tensor]:
    """Record the activations at some sites while `run` calls the model.

    Args:
        model: Any network, not compiled.
        places: Sites, or names of modules.
        run: Function that calls the model any number of times, without gradients.

    Returns:
        Activations of all calls by place, concatenated, `[N, …]`; detached copies.

    Raises:
        ConfigError: As for `intervene`, and if the model ran without passing a place.
    """
    with torch.no_grad(), recording(model, places) as kept:
        run()
    for place, parts in kept.items():
        if not parts:
            raise ConfigError(
                f"nothing passed {as_site(place).module} while activations were recorded"
            )
    return {place: torch.cat(parts) for place, parts in kept.items()}


def find_sites(model: nn.Module, places: Iterable[Place]) -> dict[Place, Site]:
    """Return the site of each place.

    Raises:
        ConfigError: If there is no module of a name; or if the model or a part of it is compiled,
            because hooks would silently do nothing.
    """
    known = dict(model.named_modules())
    for name, module in known.items():
        if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            raise ConfigError(
                f"{name or 'the model'} is compiled and would ignore interventions: give the "
                "network itself (model._orig_mod, or one that models.load_agent loads)"
            )
    del known[""]
    sites = {place: as_site(place) for place in places}
    for site in sites.values():
        if site.module not in known:
            raise ConfigError(f"no module {site.module!r}; {hint(site.module, known)}")
    return sites


def as_site(place: str | Site) -> Site:
    """Return a site itself, or that of a module's output."""
    return place if isinstance(place, Site) else Site(place)


_source: ContextVar[tuple[Site, int | None] | None] = ContextVar("source", default=None)
"""The site whose activation is being edited, and the axis of its layer's units."""


def at_site(model: nn.Module, site: Site, edit: Edit) -> Edit:
    """Return an edit that knows the site's axis of units, gets a copy, and must keep the shape."""
    own = own_axis(model, site)

    def edited(before: Tensor) -> Tensor:
        token = _source.set((site, own))
        try:
            after: object = edit(before.clone())  # users write edits, which may return anything
        finally:
            _source.reset(token)
        if not isinstance(after, Tensor) or after.shape != before.shape:
            shape = list(after.shape) if isinstance(after, Tensor) else type(after).__name__
            raise ConfigError(
                f"{site.where}: an edit made {shape} of {list(before.shape)}; shapes must stay"
            )
        return after

    return edited


def axis_of_units(values: Tensor) -> int:
    """Return the axis of the units of the activation that is being edited.

    Raises:
        ConfigError: If it is unknown, is not the layer's, or cannot have units.
    """
    with as_config_errors(RoutingError):
        return units_axis(values, *(_source.get() or (None, None)))
