"""Attach rules to regions of a model, and route gradients by the labels of each batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.gradient.hooks import SiteHook, remove_copied_hooks
from chisel.routing.gradient.mask import align, scale_gradient
from chisel.routing.gradient.parameters import Scales, replace_forward
from chisel.routing.gradient.protection import require_protected
from chisel.routing.gradient.rules import Rules
from chisel.routing.regions.activations import require_units
from chisel.routing.regions.examples import tensors_in
from chisel.routing.regions.exclusive import exclusive
from chisel.routing.regions.masked_sites import MaskedSite, activation_sites, layer_sites
from chisel.routing.regions.ownership import Owned, owned
from chisel.routing.regions.recording import Recording, record
from chisel.routing.regions.region import Regions
from chisel.routing.regions.resolve import resolve_recorded, uncalled
from chisel.routing.sites import Site, Thread
from chisel.routing.sites.layers import innermost

MIN_RUN = 16
"""Least length of runs of units that share a factor; shorter runs get one factor per unit."""


def attach(
    model: nn.Module, options: Mapping[str, Any], fork: str | None = None, *, example: Any = None
) -> Router:
    """Route a model's gradients without changing its outputs or its state dict.

    Attach before the model is compiled or wrapped for several processes. A copy of a routed model
    has no routing.

    Args:
        model: Any network.
        options: A mapping with `regions` (see `resolve`), `rules`, `unlabelled` and `terms` (see
            `Rules`); `unprotected`, names of regions that may change in steps on labels that they
            are closed to; and `freeze` (by default true), whether regions without gradient must
            stay unchanged. Other keys are ignored. The result of `Router.to_plain` restores a
            router exactly.
        fork: Name of the module whose output feeds the heads of several loss terms. Regions at its
            output are routed by calls of `Router.fork` only.
        example: An input of the model, or a tuple of its inputs, with the batch on axis 0. It gives
            exact sizes and axes, and its graph shows which parameters act only through a region's
            units. It is needed unless an `nn.Sequential` calls the modules.

    Raises:
        RoutingError: If the model has no such region, the rules name something unknown, or a region
            that is closed to a label could still change.
    """
    remove_copied_hooks(model)
    for name, module in model.named_modules():
        if hasattr(module, "_orig_mod") or module._compiled_call_impl is not None:
            raise RoutingError(f"{name or 'the model'} is compiled already: attach before that")
    regions, recording = resolve_recorded(model, options.get("regions", {}), example)
    rules = Rules(regions, *(options.get(key, {}) for key in ("rules", "unlabelled", "terms")))
    found = None if recording is None else exclusive(model, recording, regions)
    if found is not None and any(map(rules.closes, regions)):
        # In training other layers may be called than in evaluation.
        learns = record(model, example, regions.sites(), learns=True)
        found = found.and_in(exclusive(model, learns, regions))
    masks, unprotected = owned(model, regions, found), tuple(options.get("unprotected", ()))
    freeze = bool(options.get("freeze", True))
    masks.unprotected = require_protected(model, rules, masks, found, unprotected, freeze)
    _require_batch_first(model, regions, recording)
    in_place: set[Site] | None = None
    if recording is not None:
        _require_batch(recording, regions, example)
        parts = regions.sites()
        in_place = {part.site for part in parts if recording.changed_in_place(part)}
    return Router(model, regions, rules, fork, masks, in_place, unprotected)


def _require_batch(recording: Recording, regions: Regions, example: Any) -> None:
    """Refuse sites whose first axis isn't the batch, since each example has its own label."""
    batch = next(tensors_in(example)).shape[:1]
    for part in regions.sites():
        shape = recording.shape_at(part.module, part.side, part.element)
        if shape is not None and shape[:1] != batch:
            raise RoutingError(
                f"{part.where} has shape {list(shape)} for a batch of {list(batch)}: axis 0 of a "
                "routed tensor must be the batch"
            )


def _require_batch_first(model: nn.Module, regions: Regions, recording: Recording | None) -> None:
    """Refuse sites with the batch on axis 1, if an example does not distinguish it from axis 0."""
    for part in regions.sites():
        names = part.module.split(".")
        inside = (model.get_submodule(".".join(names[:n])) for n in range(len(names) + 1))
        if all(getattr(module, "batch_first", True) for module in inside):
            continue
        shape = recording and recording.shape_at(part.module, part.side, part.element)
        if not shape or (len(shape) > 2 and shape[0] == shape[1]):
            raise RoutingError(
                f"{part.where} has its batch on axis 1 (batch_first=False): axis 0 of a routed "
                "tensor must be the batch"
            )


class Router:
    """Routes a model's gradients by the labels of the batch; `attach` makes a router.

    Labels are integers `[B]`: indices of `label_names`, or -1 for unlabelled. They may also be soft
    labels `[B, K]`: the share of each label, where the rest up to 1 is unlabelled. With leading
    axes `[B, T]` they label tokens, for networks whose activations are `[B, T, …, units]`. While
    labels are in use and gradients are enabled, every forward pass must be on their batch. Without
    labels nothing is routed.

    Labels must be in use during the forward pass; if activations are recomputed in the backward
    pass (checkpointing), during that too. They belong to the thread that calls `use`. Until
    `clear`, other threads may not use labels, nor run the model with gradients; in a compiled model
    the latter is not noticed.

    Args:
        model: The network.
        regions: Regions resolved on it.
        rules: Weights by label and region.
        fork: Name of the module whose output feeds the heads of several loss terms, or None.
        masks: Elements of parameters that the regions own.
        in_place: Sites whose tensor the model later changes in place; None if that isn't known.
        unprotected: Names of the regions that were declared unprotected.
    """

    def __init__(
        self,
        model: nn.Module,
        regions: Regions,
        rules: Rules,
        fork: str | None,
        masks: Owned,
        in_place: set[Site] | None,
        unprotected: tuple[str, ...],
    ) -> None:
        self.regions, self.rules = regions, rules
        self.strength = 1.0
        """Strength of routing in [0, 1]: weights become `1 + strength (weight - 1)`, from the next
        labels on."""
        self._model, self._fork, self._owned = model, fork, masks
        self._unprotected = unprotected
        dtypes = {parameter.dtype for parameter in model.parameters()}
        self._dtype = torch.float64 if torch.float64 in dtypes else torch.float32
        self._mask_indices: dict[tuple[int, ...], int] = {}
        self._masks: dict[str | None, list[Tensor]] | None = None
        self._term: str | None = None
        self._undo: list[Callable[[], object]] = []
        self._routed_modules: dict[str, tuple[nn.Module, Any]] = {}
        """Modules with a site by name, and the forward that replaced theirs, if any."""
        self._at_fork: list[tuple[MaskedSite, int]] = []
        self._here = Thread("the labels in use are those of another thread")
        self._waiting: set[str] = set()
        """Modules with a site that no labelled batch has run yet; not used with an example."""
        self._has_run = False
        try:
            self._route_activations(in_place)
            self._route_parameters()
        except RoutingError:
            self.detach()
            raise
        self._owners = [torch.tensor(owners) for owners in self._mask_indices]
        if in_place is not None:
            self._waiting.clear()
        if self._waiting:
            hook = SiteHook(self._note_run, self._in_use, None)
            self._undo.append(model.register_forward_hook(hook).remove)

    def _note_run(self, output: Any) -> None:
        if not torch.compiler.is_compiling():
            self._has_run = True

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, in the order of their numbers."""
        return self.rules.label_names

    def _route_activations(self, in_place: set[Site] | None) -> None:
        sites = activation_sites(self._model, self.regions)
        fork = None
        if self._fork is not None:
            if self._fork not in dict(self._model.named_modules()):
                raise RoutingError(f"fork: the model has no module {self._fork!r}")
            fork = innermost(self._model, self._fork, "output")
        for masked in sites:
            index, site = self._mask_index(masked.owners), masked.site
            # The result may be a view only if the model doesn't change it in place. If that isn't
            # known, a copy is safe.
            masked = replace(masked, copy=in_place is None or site in in_place)
            if site.side == "output" and innermost(self._model, site.module, "output") == fork:
                self._at_fork.append((masked, index))
            else:
                self._hook(masked, index)
        self._check_terms()

    def _hook(self, masked: MaskedSite, index: int) -> None:
        site = masked.site
        module = self._model.get_submodule(site.module)
        route = partial(self._routed, masked=masked, index=index, term=None)
        hook = SiteHook(route, self._in_use, site)
        self._waiting.add(site.module)
        self._routed_modules.setdefault(site.module, (module, None))
        if site.side == "input":
            self._undo.append(module.register_forward_pre_hook(hook).remove)
        else:
            self._undo.append(module.register_forward_hook(hook).remove)

    def _in_use(self) -> bool:
        """Return whether gradients are routed now."""
        return self._masks is not None and torch.is_grad_enabled()

    def _check_terms(self) -> None:
        """Refuse rules for a loss term in regions that are not at the fork."""
        if self.rules.terms and self._fork is None:
            raise RoutingError(
                "terms: rules of one loss term need a fork, the module whose output all terms read"
            )
        here = {owner for masked, _ in self._at_fork for owner in masked.owners}
        for term, table in self.rules.terms.items():
            for region in (region for row in table.values() for region in row):
                if list(self.regions).index(region) not in here:
                    raise RoutingError(
                        f"terms.{term}: region {region} has no units at the output of "
                        f"{self._fork}, where the loss terms separate"
                    )

    def _route_parameters(self) -> None:
        heads = self._heads()
        for module, site in layer_sites(self._model, self.regions).items():
            rows = None if site.rows is None else self._mask_index(site.rows)
            columns = None if site.columns is None else self._mask_index(site.columns)
            layer = self._model.get_submodule(module)
            scales = partial(self._scales, module, rows, columns, module in heads)
            replace_forward(layer, module, scales, self._in_use)
            self._waiting.add(module)
            self._routed_modules[module] = layer, layer.__dict__["forward"]
            self._undo.append(partial(layer.__dict__.pop, "forward"))

    def _heads(self) -> set[str]:
        """Return the layers that read routed units at the fork, whose rules depend on the term."""
        modules = {masked.site.module for masked, _ in self._at_fork}
        return {
            name
            for region in self.regions.values()
            for part in region.parts
            if part.at == "output" and part.module in modules
            for name in part.consumers
        }

    def _mask_index(self, owners: tuple[int, ...]) -> int:
        """Return the index of the mask for units with these owners; equal owners share a mask."""
        owners = owners[:: _run(owners)]
        return self._mask_indices.setdefault(owners, len(self._mask_indices))

    def _routed(self, value: Tensor, masked: MaskedSite, index: int, term: str | None) -> Tensor:
        x = require_units(value, masked.site, len(masked.owners), masked.own)
        self._passed(masked.site.module)
        if not x.requires_grad:
            return x
        mask = align(self._mask(index, term), x.shape, masked.axis, masked.where)
        return scale_gradient(x, mask, copy=masked.copy)

    def _scales(self, module: str, rows: int | None, columns: int | None, head: bool) -> Scales:
        self._passed(module)
        term = self._term if head else None
        return Scales(
            None if rows is None else self._mask(rows, term),
            None if columns is None else self._mask(columns, term),
        )

    def _passed(self, module: str) -> None:
        """Note that a labelled batch has run a module with a site."""
        if not torch.compiler.is_compiling():
            self._here.require()
            self._waiting.discard(module)

    def _require_passed(self) -> None:
        """Check after the first labelled batch that it ran every module with a site.

        Raises:
            RoutingError: If it did not.
        """
        if self._has_run and self._waiting:
            missing, self._waiting = sorted(self._waiting), set()
            self.clear()
            raise RoutingError(uncalled(missing[0], attention=False))
        self._has_run = False

    def _require_in_place(self) -> None:
        """Check that the model's modules are still those that the router was attached to."""
        modules = dict(self._model.named_modules(remove_duplicate=False))
        for name, (module, forward) in self._routed_modules.items():
            replaced = modules.get(name) is not module
            if replaced or (forward is not None and module.__dict__.get("forward") is not forward):
                raise RoutingError(f"{name} was replaced since attach: attach a router anew")

    def _mask(self, index: int, term: str | None) -> Tensor:
        assert self._masks is not None
        return self._masks[term if term in self._masks else None][index]

    def use(self, labels: Tensor) -> None:
        """Route forward passes by these labels until `clear`.

        Args:
            labels: Integers `[B]` or soft labels `[B, K]`; see the class.

        Raises:
            RoutingError: If the labels have a wrong type, shape or range, if the last labelled
                batch did not run the module of a region, if another thread's labels are in use, or
                if a module was replaced since `attach`.
        """
        self._here.take_over(in_use=self._masks is not None)
        self._require_in_place()
        self._require_passed()
        self.rules.check(labels)
        self._term = None
        self._owners = [owners.to(labels.device) for owners in self._owners]
        self._masks = {}
        for term in (None, *self.rules.terms):
            weights = self.rules.weights(labels, term, self.strength, self._dtype)
            self._masks[term] = [weights.index_select(-1, owners) for owners in self._owners]

    def clear(self) -> None:
        """Stop routing until the next labels."""
        self._masks, self._term, self._has_run = None, None, False

    @contextmanager
    def labels(self, labels: Tensor) -> Iterator[None]:
        """Use these labels within the context, for forward and backward passes.

        Contexts can be nested: after the inner context the labels of the outer one are used again.

        Args:
            labels: As for `use`.

        Raises:
            RoutingError: As for `use`; the check of the first batch is made when its context ends.
        """
        outer = self._masks, self._term
        self.use(labels)
        try:
            yield
            self._require_passed()
        finally:
            self.clear()
            self._masks, self._term = outer

    def fork(self, features: Tensor, term: str) -> Tensor:
        """Return the fork's output for one loss term, with a gradient routed by the term's rules.

        Run the heads that read it before the next call, because routed columns of the heads
        (`consumers`) use the rules of the same term.

        Args:
            features: Output of the module that was named as `fork` in `attach`.
            term: Name of the loss term; without its own rules it uses the rules of all terms.

        Raises:
            RoutingError: If `attach` got no fork.
        """
        if self._fork is None:
            raise RoutingError("fork: attach the router with fork=MODULE")
        self._term = term
        for masked, index in self._at_fork:
            features = self._routed(features, masked, index, term)
        return features

    def is_at_fork(self, module: str) -> bool:
        """Return whether a module's output is routed by calls of `fork`."""
        return any(masked.site.module == module for masked, _ in self._at_fork)

    def owned(self) -> Owned:
        """Return masks of the elements that each region owns, by parameter and region.

        A region owns the rows that compute its units, the columns of its consumers, all parameters
        of a module whose whole output it has, and, if there was an example, all elements that act
        only through its units.
        """
        return self._owned

    def to_plain(self) -> dict[str, Any]:
        """Return resolved regions and rules as plain values, from which `attach` restores this."""
        return {
            "regions": self.regions.to_plain(),
            "rules": self.rules.rules,
            "unlabelled": self.rules.unlabelled,
            "terms": self.rules.terms,
            "unprotected": list(self._unprotected),
        }

    def detach(self) -> None:
        """Remove all routing, so that the model is as before `attach`."""
        self.clear()
        while self._undo:
            self._undo.pop()()


def _run(owners: tuple[int, ...]) -> int:
    """Return the length of runs of units with the same owner; 1 if runs are too short.

    Each run gets one factor. With short runs the multiplication would be a slow loop.
    """
    run = math.gcd(*(len(list(same)) for _, same in itertools.groupby(owners)))
    return run if run == len(owners) or run >= MIN_RUN else 1
