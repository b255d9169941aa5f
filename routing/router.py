"""Attaching rules to regions of a model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from routing.errors import RoutingError
from routing.mask import align, scale_gradient
from routing.ownership import owned
from routing.parameters import Scales, replace_forward
from routing.regions import Regions
from routing.resolving import resolve
from routing.rules import Rules
from routing.sequentials import tensor_of
from routing.sites import Site, activation_sites, layer_sites

MIN_RUN = 16
"""Shorter runs of units are not treated as one, unless it is all of them."""

_KEYS = ("regions", "rules", "unlabelled", "terms")


def attach(
    model: nn.Module, options: Mapping[str, Any], fork: str | None = None, *, example: Any = None
) -> Router:
    """Route a model's gradients, without a change to its outputs or its state dict.

    Attach before the model is compiled, and before it is wrapped for several processes.

    Args:
        model: Any network.
        options: `regions` (see `resolve`), `rules`, `unlabelled` and `terms` (see `Rules`); other
            keys are not looked at. What `Router.to_plain` gave restores a router exactly.
        fork: The module whose output feeds the loss terms; regions there are routed where
            `Router.fork` is called and not by themselves.
        example: An input of the model, with which sizes are looked up exactly; see `resolve`.

    Raises:
        RoutingError: The model has no such region, or the rules speak of something unknown.
    """
    regions = resolve(model, options.get("regions", {}), example)
    rules = Rules(regions, *(options.get(key, {}) for key in _KEYS[1:]))
    return Router(model, regions, rules, fork)


class Router:
    """The routes of one model. Labels say which of them a batch takes.

    Labels are integers `[B]` that number `label_names`, -1 for unlabelled; or shares `[B, K]` of
    every label, whose rest is unlabelled. With leading axes `[B, T]` they are labels of tokens, for
    networks whose activations are `[B, T, …, units]`. While labels are in use and gradients are
    enabled, every forward pass must be on that batch; without labels nothing is routed.

    Labels must hold until the backward pass has run if activations are recomputed in it
    (checkpointing); otherwise only during the forward pass.
    """

    def __init__(self, model: nn.Module, regions: Regions, rules: Rules, fork: str | None) -> None:
        self.regions, self.rules = regions, rules
        self.strength = 1.0
        """Effective weights are `1 + strength (weight - 1)`, as of the next labels."""
        self._model, self._fork = model, fork
        self._dtype = _precision_of(model)
        # What follows ReLU(inplace=True) and its like must not change a view.
        self._copy = any(getattr(module, "inplace", False) is True for module in model.modules())
        self._slots: dict[tuple[int, ...], int] = {}
        self._owners: list[Tensor] = []
        self._masks: dict[str | None, list[Tensor]] | None = None
        self._term: str | None = None
        self._undo: list[Callable[[], object]] = []
        self._at_fork: list[tuple[Site, int]] = []
        try:
            self._route_activations()
            self._route_parameters()
        except RoutingError:
            self.detach()
            raise

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels in the order of their numbers."""
        return self.rules.label_names

    def _route_activations(self) -> None:
        sites = activation_sites(self.regions)
        fork = None
        if self._fork is not None:
            if self._fork not in dict(self._model.named_modules()):
                raise RoutingError(f"fork: the model has no module {self._fork!r}")
            fork = tensor_of(self._model, self._fork, "output")
        for site in sites:
            slot = self._slot(site.owners)
            module = self._model.get_submodule(site.module)
            if site.at == "input":
                handle = module.register_forward_pre_hook(self._input_hook(site, slot))
            elif tensor_of(self._model, site.module, "output") == fork:
                self._at_fork.append((site, slot))
                continue
            else:
                handle = module.register_forward_hook(self._output_hook(site, slot))
            self._undo.append(handle.remove)
        self._check_terms()

    def _check_terms(self) -> None:
        """Rules for a loss term must have a place where that term is told apart."""
        if self.rules.terms and self._fork is None:
            raise RoutingError("terms: rules of one loss term need a fork, the module they share")
        here = {owner for site, _ in self._at_fork for owner in site.owners}
        for term, table in self.rules.terms.items():
            for region in (region for row in table.values() for region in row):
                if list(self.regions).index(region) not in here:
                    raise RoutingError(
                        f"terms.{term}: region {region} has no units at the output of "
                        f"{self._fork}, where loss terms are told apart"
                    )

    def _route_parameters(self) -> None:
        heads = self._heads()
        for site in layer_sites(self._model, self.regions):
            rows = None if site.rows is None else self._slot(site.rows)
            columns = None if site.columns is None else self._slot(site.columns)
            layer = self._model.get_submodule(site.module)
            scales = self._scales(rows, columns, site.module in heads)
            replace_forward(layer, site.module, scales)
            self._undo.append(partial(layer.__dict__.pop, "forward"))

    def _heads(self) -> set[str]:
        """Layers that read routed units of the fork, and follow the loss term it is read for."""
        modules = {site.module for site, _ in self._at_fork}
        return {
            name
            for region in self.regions.values()
            for part in region.parts
            if part.at == "output" and part.module in modules
            for name in part.consumers
        }

    def _slot(self, owners: tuple[int, ...]) -> int:
        """Where the mask for this distribution of units lies; equal ones share it."""
        owners = owners[:: _run(owners)]
        if owners not in self._slots:
            self._slots[owners] = len(self._owners)
            self._owners.append(torch.tensor(owners))
        return self._slots[owners]

    def _input_hook(self, site: Site, slot: int) -> Callable[..., Any]:
        def route(module: nn.Module, args: tuple[Any, ...]) -> Any:
            if self._masks is None or not torch.is_grad_enabled():
                return None
            if len(args) != 1:
                raise RoutingError(
                    f"{site.what} is {len(args)} positional arguments; only one can be routed"
                )
            return (self._routed(args[0], site, slot, None),)

        return route

    def _output_hook(self, site: Site, slot: int) -> Callable[..., Any]:
        def route(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
            return self._routed(output, site, slot, None)

        return route

    def _routed(self, x: Any, site: Site, slot: int, term: str | None) -> Any:
        if self._masks is None or not torch.is_grad_enabled():
            return x
        site.check(x)
        if not x.requires_grad:
            return x
        mask = align(self._mask(slot, term), x.shape, site.axis, site.what)
        return scale_gradient(x, mask, copy=self._copy)

    def _scales(
        self, rows: int | None, columns: int | None, head: bool
    ) -> Callable[[], Scales | None]:
        def scales() -> Scales | None:
            if self._masks is None or not torch.is_grad_enabled():
                return None
            term = self._term if head else None
            return Scales(
                None if rows is None else self._mask(rows, term),
                None if columns is None else self._mask(columns, term),
            )

        return scales

    def _mask(self, slot: int, term: str | None) -> Tensor:
        assert self._masks is not None
        return self._masks[term if term in self._masks else None][slot]

    def use(self, labels: Tensor) -> None:
        """Route forward passes by these labels until `clear`.

        Raises:
            RoutingError: They are no labels.
        """
        self.rules.check(labels)
        self._term = None
        self._masks = {
            term: self._gathered(self.rules.weights(labels, term, self.strength, self._dtype))
            for term in (None, *self.rules.terms)
        }

    def _gathered(self, weights: Tensor) -> list[Tensor]:
        """Masks `[*L, runs]` by slot from the weights `[*L, R + 1]` of regions."""
        self._owners = [owners.to(weights.device) for owners in self._owners]
        return [weights.index_select(-1, owners) for owners in self._owners]

    def clear(self) -> None:
        """Route nothing until the next labels."""
        self._masks, self._term = None, None

    @contextmanager
    def labels(self, labels: Tensor) -> Iterator[None]:
        """`use` these labels inside; the backward pass belongs inside as well."""
        self.use(labels)
        try:
            yield
        finally:
            self.clear()

    def fork(self, features: Tensor, term: str) -> Tensor:
        """The fork's output for one loss term: itself, with the gradient that its rules leave.

        The heads that read it run before the next call: columns of theirs that are routed
        (`consumers`) follow the same term.

        Args:
            features: The output of the module named at attachment.
            term: The loss term; one without rules of its own takes the rules for all.

        Raises:
            RoutingError: There is no fork.
        """
        if self._fork is None:
            raise RoutingError("fork: no module was named when the router was attached")
        self._term = term
        for site, slot in self._at_fork:
            features = self._routed(features, site, slot, term)
        return features

    def owned(self) -> dict[str, dict[str, Tensor]]:
        """Elements of parameters that regions have for themselves; see `routing.ownership`."""
        return owned(self._model, self.regions)

    def to_plain(self) -> dict[str, Any]:
        """What `attach` restores this router from: resolved regions and rules, in plain values."""
        return {
            "regions": self.regions.to_plain(),
            "rules": self.rules.rules,
            "unlabelled": self.rules.unlabelled,
            "terms": self.rules.terms,
        }

    def detach(self) -> None:
        """Leave the model as it was before `attach`."""
        self.clear()
        while self._undo:
            self._undo.pop()()


def _run(owners: tuple[int, ...]) -> int:
    """How many units at a time have one owner, if it pays to treat them as one.

    Short runs make slow loops of the multiplication.
    """
    run = math.gcd(*(len(list(same)) for _, same in itertools.groupby(owners)))
    return run if run == len(owners) or run >= MIN_RUN else 1


def _precision_of(model: nn.Module) -> torch.dtype:
    """Weights are held in float32, or in float64 if the model is."""
    dtypes = {parameter.dtype for parameter in model.parameters()}
    return torch.float64 if torch.float64 in dtypes else torch.float32
