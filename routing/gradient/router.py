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

from chisel.routing.errors import RoutingError
from chisel.routing.gradient.hooks import SiteHook, remove_hooks
from chisel.routing.gradient.mask import align, scale_gradient
from chisel.routing.gradient.parameters import Scales, replace_forward
from chisel.routing.gradient.protection import require_protected
from chisel.routing.gradient.rules import Rules
from chisel.routing.regions.recording import Recording, changed_in_place
from chisel.routing.regions.exclusive import exclusive
from chisel.routing.regions.ownership import Owned, owned
from chisel.routing.regions.region import Regions
from chisel.routing.regions.resolve import resolve_recorded, uncalled
from chisel.routing.regions.examples import tensors_in
from chisel.routing.regions.module_order import tensor_of
from chisel.routing.regions.sites import Site, activation_sites, layer_sites

MIN_RUN = 16
"""Shorter runs of units are not treated as one, unless it is all of them."""

_KEYS = ("regions", "rules", "unlabelled", "terms")


def attach(
    model: nn.Module, options: Mapping[str, Any], fork: str | None = None, *, example: Any = None
) -> Router:
    """Route a model's gradients, without a change to its outputs or its state dict.

    Attach before the model is compiled, and before it is wrapped for several processes. A copy of
    the model is a plain one.

    Args:
        model: Any network.
        options: `regions` (see `resolve`), `rules`, `unlabelled` and `terms` (see `Rules`);
            `unprotected`, names of regions that may move in steps which they are closed to;
            `freeze` (true if not given): whether any region is to be kept still. Other keys are not
            looked at. What `Router.to_plain` gave restores a router exactly.
        fork: The module whose output feeds the loss terms; regions there are routed where
            `Router.fork` is called and not by themselves.
        example: An input of the model (or a tuple of them), its batch on axis 0. With it sizes and
            axes are looked up exactly, and the graph that runs says which parameters act through a
            region's units alone. Needed where modules are called in another order than an
            `nn.Sequential` calls them.

    Raises:
        RoutingError: The model has no such region, the rules speak of something unknown, or a
            region that they close could move all the same.
    """
    remove_hooks(model, copied_only=True)
    regions, recording = resolve_recorded(model, options.get("regions", {}), example)
    rules = Rules(regions, *(options.get(key, {}) for key in _KEYS[1:]))
    found = None if recording is None else exclusive(model, recording, regions)
    masks, unprotected = owned(model, regions, found), tuple(options.get("unprotected", ()))
    freeze = bool(options.get("freeze", True))
    masks.unprotected = require_protected(rules, masks, found, unprotected, freeze)
    if recording is not None:
        _require_batch(recording, regions, example)
    in_place = None if recording is None else _changed_in_place(recording, regions)
    return Router(model, regions, rules, fork, masks, in_place, unprotected)


def _changed_in_place(recording: Recording, regions: Regions) -> set[tuple[str, str]]:
    """Places (module, side) whose tensor the model changes behind the site."""
    parts = regions.sites()
    return {(part.module, part.at) for part in parts if changed_in_place(recording, part)}


def _require_batch(recording: Recording, regions: Regions, example: Any) -> None:
    """Labels number examples, so the first axis of every site must."""
    batch = next(tensors_in(example)).shape[:1]
    for part in regions.sites():
        shape = recording.shape_at(part.module, part.at)
        if shape is not None and shape[:1] != batch:
            raise RoutingError(
                f"the {part.at} of {part.module} has shape {list(shape)} for a batch of "
                f"{list(batch)}: axis 0 of what is routed must be the batch"
            )


class Router:
    """The routes of one model. Labels say which of them a batch takes.

    Labels are integers `[B]` that number `label_names`, -1 for unlabelled; or shares `[B, K]` of
    every label, whose rest is unlabelled. With leading axes `[B, T]` they are labels of tokens, for
    networks whose activations are `[B, T, …, units]`. While labels are in use and gradients are
    enabled, every forward pass must be on that batch; without labels nothing is routed.

    Labels must hold until the backward pass has run if activations are recomputed in it
    (checkpointing); otherwise only during the forward pass. They are the same for all threads.
    """

    def __init__(
        self,
        model: nn.Module,
        regions: Regions,
        rules: Rules,
        fork: str | None,
        masks: Owned,
        in_place: set[tuple[str, str]] | None,
        unprotected: tuple[str, ...],
    ) -> None:
        self.regions, self.rules = regions, rules
        self.strength = 1.0
        """Effective weights are `1 + strength (weight - 1)`, as of the next labels."""
        self._model, self._fork, self._owned = model, fork, masks
        self._unprotected = unprotected
        # A view must not be changed by what follows; where that is not known, copies are safe.
        self._in_place = in_place
        self._dtype = _precision_of(model)
        self._slots: dict[tuple[int, ...], int] = {}
        self._owners: list[Tensor] = []
        self._masks: dict[str | None, list[Tensor]] | None = None
        self._term: str | None = None
        self._undo: list[Callable[[], object]] = []
        self._at_fork: list[tuple[Site, int]] = []
        self._waiting: set[str] = set()
        """Modules with a site that no labelled batch has passed; with an example all are known."""
        self._has_run = False
        try:
            self._route_activations()
            self._route_parameters()
        except RoutingError:
            self.detach()
            raise
        if in_place is not None:
            self._waiting.clear()
        if self._waiting:
            hook = SiteHook(self._note_run, self._in_use, "the model")
            self._undo.append(model.register_forward_hook(hook).remove)

    def _note_run(self, output: Any) -> Any:
        if not torch.compiler.is_compiling():
            self._has_run = True
        return output

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels in the order of their numbers."""
        return self.rules.label_names

    def _route_activations(self) -> None:
        sites = activation_sites(self._model, self.regions)
        fork = None
        if self._fork is not None:
            if self._fork not in dict(self._model.named_modules()):
                raise RoutingError(f"fork: the model has no module {self._fork!r}")
            fork = tensor_of(self._model, self._fork, "output")
        for site in sites:
            slot = self._slot(site.owners)
            at_fork = site.at == "output" and tensor_of(self._model, site.module, "output") == fork
            if at_fork:
                self._at_fork.append((site, slot))
            else:
                self._hook(site, slot)
        self._check_terms()

    def _hook(self, site: Site, slot: int) -> None:
        module = self._model.get_submodule(site.module)
        route = partial(self._routed, site=site, slot=slot, term=None)
        hook = SiteHook(route, self._in_use, site.what)
        self._waiting.add(site.module)
        if site.at == "input":
            self._undo.append(module.register_forward_pre_hook(hook).remove)
        else:
            self._undo.append(module.register_forward_hook(hook).remove)

    def _in_use(self) -> bool:
        """Whether gradients are routed now."""
        return self._masks is not None and torch.is_grad_enabled()

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
            scales = self._scales(site.module, rows, columns, site.module in heads)
            replace_forward(layer, site.module, scales, self._in_use)
            self._waiting.add(site.module)
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

    def _routed(self, x: Any, site: Site, slot: int, term: str | None) -> Any:
        site.check(x)
        self._passed(site.module)
        if not x.requires_grad:
            return x
        mask = align(self._mask(slot, term), x.shape, site.axis, site.what)
        copy = self._in_place is None or (site.module, site.at) in self._in_place
        return scale_gradient(x, mask, copy=copy)

    def _scales(
        self, module: str, rows: int | None, columns: int | None, head: bool
    ) -> Callable[[], Scales]:
        def scales() -> Scales:
            self._passed(module)
            term = self._term if head else None
            return Scales(
                None if rows is None else self._mask(rows, term),
                None if columns is None else self._mask(columns, term),
            )

        return scales

    def _passed(self, module: str) -> None:
        """Note that a labelled batch has passed a module's site."""
        if not torch.compiler.is_compiling() and self._waiting:
            self._waiting.discard(module)

    def _require_passed(self) -> None:
        """After the first labelled batch: every site must have been on its way.

        Raises:
            RoutingError: One was not.
        """
        if self._has_run and self._waiting:
            missing, self._waiting = sorted(self._waiting), set()
            self.clear()
            raise RoutingError(uncalled(missing[0], attention=False))
        self._has_run = False

    def _mask(self, slot: int, term: str | None) -> Tensor:
        assert self._masks is not None
        return self._masks[term if term in self._masks else None][slot]

    def use(self, labels: Tensor) -> None:
        """Route forward passes by these labels until `clear`.

        Raises:
            RoutingError: They are no labels, or a region is at a module which the labelled batch
                before was not passed to.
        """
        self._require_passed()
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
        self._masks, self._term, self._has_run = None, None, False

    @contextmanager
    def labels(self, labels: Tensor) -> Iterator[None]:
        """`use` these labels inside; the backward pass belongs inside as well.

        Raises:
            RoutingError: As `use`, and at the end of the first batch for that batch.
        """
        self.use(labels)
        try:
            yield
            self._require_passed()
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

    def is_at_fork(self, module: str) -> bool:
        """Whether a module's output is routed where `fork` is called."""
        return any(site.module == module for site, _ in self._at_fork)

    def owned(self) -> Owned:
        """Elements of parameters that regions have for themselves; see `routing.ownership`."""
        return self._owned

    def to_plain(self) -> dict[str, Any]:
        """What `attach` restores this router from: resolved regions and rules, in plain values."""
        return {
            "regions": self.regions.to_plain(),
            "rules": self.rules.rules,
            "unlabelled": self.rules.unlabelled,
            "terms": self.rules.terms,
            "unprotected": list(self._unprotected),
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
