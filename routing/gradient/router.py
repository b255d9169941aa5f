"""Attach rules to regions of a model, and route gradients by the labels of a batch."""

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
"""Shorter runs of units get one factor per unit, unless all units have one owner."""


def attach(
    model: nn.Module, options: Mapping[str, Any], fork: str | None = None, *, example: Any = None
) -> Router:
    """Route a model's gradients, without a change to its outputs or its state dict.

    Attach before the model is compiled, and before it is wrapped for several processes. A copy of
    a routed model has no routes.

    Args:
        model: Any network.
        options: `regions` (see `resolve`), `rules`, `unlabelled` and `terms` (see `Rules`);
            `unprotected`, names of regions that may move in steps which they are closed to;
            `freeze` (by default true): whether any region is to be kept still. Other keys are
            ignored. What `Router.to_plain` returned restores a router exactly.
        fork: The module whose output feeds the heads of several loss terms. Regions at its output
            are routed where `Router.fork` is called, and not by themselves.
        example: An input of the model (or a tuple of them), its batch on axis 0. With it sizes and
            axes are looked up exactly, and the graph that runs tells which parameters act through a
            region's units alone. It is needed unless an `nn.Sequential` calls the modules.

    Raises:
        RoutingError: The model has no such region, the rules name something unknown, or a region
            that they close could move all the same.
    """
    remove_copied_hooks(model)
    for name, module in model.named_modules():
        if hasattr(module, "_orig_mod") or module._compiled_call_impl is not None:
            raise RoutingError(f"{name or 'the model'} is compiled already: attach before that")
    regions, recording = resolve_recorded(model, options.get("regions", {}), example)
    rules = Rules(regions, *(options.get(key, {}) for key in ("rules", "unlabelled", "terms")))
    found = None if recording is None else exclusive(model, recording, regions)
    if found is not None and any(map(rules.closes, regions)):
        # Other layers may be called than in evaluation.
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
    """Refuse sites whose first axis isn't the batch: labels are one for each example."""
    batch = next(tensors_in(example)).shape[:1]
    for part in regions.sites():
        shape = recording.shape_at(part.module, part.side, part.element)
        if shape is not None and shape[:1] != batch:
            raise RoutingError(
                f"{part.where} has shape {list(shape)} for a batch of {list(batch)}: axis 0 of "
                "what is routed must be the batch"
            )


def _require_batch_first(model: nn.Module, regions: Regions, recording: Recording | None) -> None:
    """Refuse sites that have the batch on axis 1 where an example does not tell it from axis 0."""
    for part in regions.sites():
        names = part.module.split(".")
        inside = (model.get_submodule(".".join(names[:n])) for n in range(len(names) + 1))
        if all(getattr(module, "batch_first", True) for module in inside):
            continue
        shape = recording and recording.shape_at(part.module, part.side, part.element)
        if not shape or (len(shape) > 2 and shape[0] == shape[1]):
            raise RoutingError(
                f"{part.where} has its batch on axis 1 (batch_first=False): axis 0 of what is "
                "routed must be the batch"
            )


class Router:
    """Routes a model's gradients by the labels of the batch; `attach` makes one.

    Labels are integers `[B]`, indices of `label_names` or -1 for unlabelled; or shares `[B, K]` of
    every label, whose rest is unlabelled. With leading axes `[B, T]` they are labels of tokens, for
    networks whose activations are `[B, T, …, units]`. While labels are in use and gradients are
    enabled, every forward pass must be on that batch; without labels nothing is routed.

    Labels must stay in use until the backward pass has run if activations are recomputed in it
    (checkpointing); otherwise only during the forward pass. They belong to the thread that calls
    `use`: until `clear` another thread that uses others, or runs the model with gradients, is
    refused. In a compiled model the second of these is not noticed.

    Args:
        model: The network.
        regions: Regions resolved on it.
        rules: Weights by label and region.
        fork: The module whose output feeds the heads of several loss terms, if there is one.
        masks: Elements of parameters that the regions own.
        in_place: The sites whose tensor the model changes in place behind them; None if that isn't
            known.
        unprotected: Regions that were declared unprotected.
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
        """Effective weights are `1 + strength (weight - 1)`, from the next labels on."""
        self._model, self._fork, self._owned = model, fork, masks
        self._unprotected = unprotected
        dtypes = {parameter.dtype for parameter in model.parameters()}
        self._dtype = torch.float64 if torch.float64 in dtypes else torch.float32
        self._mask_indices: dict[tuple[int, ...], int] = {}
        self._masks: dict[str | None, list[Tensor]] | None = None
        self._term: str | None = None
        self._undo: list[Callable[[], object]] = []
        self._routed_modules: dict[str, tuple[nn.Module, Any]] = {}
        """Modules with a site, and the forwards they were given."""
        self._at_fork: list[tuple[MaskedSite, int]] = []
        self._here = Thread("the labels in use are those of another thread")
        self._waiting: set[str] = set()
        """Modules with a site that no labelled batch has passed; none after an example."""
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
        """The labels in the order of their numbers."""
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
            # A view must not be changed in place behind the site. Where that isn't known, copies
            # are safe.
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
        """Whether gradients are routed now."""
        return self._masks is not None and torch.is_grad_enabled()

    def _check_terms(self) -> None:
        """Refuse rules for a loss term in regions that aren't at the fork."""
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
                        f"{self._fork}, where loss terms are told apart"
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
        """Layers that read routed units at the fork: they follow the loss term of `fork`."""
        modules = {masked.site.module for masked, _ in self._at_fork}
        return {
            name
            for region in self.regions.values()
            for part in region.parts
            if part.at == "output" and part.module in modules
            for name in part.consumers
        }

    def _mask_index(self, owners: tuple[int, ...]) -> int:
        """Where the mask for units with these owners lies; equal ones share it."""
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
        """Note that a labelled batch has passed a module's site."""
        if not torch.compiler.is_compiling():
            self._here.require()
            self._waiting.discard(module)

    def _require_passed(self) -> None:
        """Check after the first labelled batch that it has passed every site.

        Raises:
            RoutingError: It has not.
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

        Raises:
            RoutingError: They are no labels, or the labelled batch before has not passed the
                module of some region, or another thread's labels are in use,
                or a module was replaced since `attach`.
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
        """Use these labels within the context, which the backward pass belongs to as well.

        Contexts can be nested: behind an inner one the labels of the outer one are in use again.

        Raises:
            RoutingError: As `use`, and at the end of the first batch for that batch.
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
        """Return the fork's output for one loss term, whose gradient is routed by its rules.

        Run the heads that read it before the next call: their routed columns (`consumers`) follow
        the same term.

        Args:
            features: The output of the module named at attachment.
            term: The loss term; one without rules of its own takes the rules for all.

        Raises:
            RoutingError: There is no fork.
        """
        if self._fork is None:
            raise RoutingError("fork: no module was named when the router was attached")
        self._term = term
        for masked, index in self._at_fork:
            features = self._routed(features, masked, index, term)
        return features

    def is_at_fork(self, module: str) -> bool:
        """Whether a module's output is routed where `fork` is called."""
        return any(masked.site.module == module for masked, _ in self._at_fork)

    def owned(self) -> Owned:
        """Return the elements of parameters that each region owns, as masks.

        Those are the rows that make its units, the columns of its consumers, all parameters of a
        module whose whole output it has, and, after an example, whatever acts through its units
        alone.
        """
        return self._owned

    def to_plain(self) -> dict[str, Any]:
        """Return resolved regions and rules in plain values, from which `attach` restores this."""
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
    """The length of runs of units with one owner; 1 where they are too short.

    Each run gets one factor. With short runs the multiplication would be a slow loop.
    """
    run = math.gcd(*(len(list(same)) for _, same in itertools.groupby(owners)))
    return run if run == len(owners) or run >= MIN_RUN else 1
