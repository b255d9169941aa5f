"""Ablate regions by name while a network runs."""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.activations import edit_part, of_units
from chisel.routing.regions.examples import outputs_of
from chisel.routing.regions.region import Part, Region, region_named
from chisel.routing.regions.resolve import uncalled
from chisel.routing.sites import Thread, along, editing, other_examples, replaced

Mode = str | float
"""How units are ablated: `zero`, `mean`, `resample`, or a factor that multiplies them."""
Means = Mapping[str, Sequence[Tensor]]
"""Means by region: for each of its parts a tensor `[units]`."""

Others = Callable[[Tensor], Tensor]
"""Function from an activation to the values that replace a part's units, which broadcast to it."""

MODES = ("zero", "mean", "resample")
"""The ablations that have a name."""


@contextlib.contextmanager
def ablate(
    model: nn.Module,
    regions: Mapping[str, Region],
    modes: Mapping[str, Mode],
    *,
    means: Means | None = None,
    generator: torch.Generator | None = None,
    positions: Sequence[int] | None = None,
) -> Iterator[None]:
    """Ablate regions of a model within the context.

    The units of each part are replaced at the output of its module, or at the input if the part is
    there. All other units pass bit for bit. What a gate's unit of zero means is up to the model;
    `models.Mixture` scales the other experts up. Compiled code would not notice the ablation, so
    the model runs uncompiled within the context. Leaving the context, also through an exception,
    restores everything. Contexts can be nested. Other threads may not run the model meanwhile.

    Args:
        model: The network, compiled or not.
        regions: Regions by name (`Router.regions`), which may include controls.
        modes: For each region to ablate, what its units become: 0 (`zero`); their recorded mean
            (`mean`); those of another example of the batch, the same one for all parts of the
            region (`resample`); or themselves times a factor (a number).
        means: Means from `record_means`, for `mean`.
        generator: Source of the random draws, for `resample`.
        positions: Positions of tokens at which the regions are ablated; -1 is the last. None:
            everywhere.

    Raises:
        RoutingError: If a region or a mode is unknown, or `means` or `generator` is missing. While
            the model runs: if a batch of one example is resampled, a position does not exist, or
            another thread runs the model. At the end: if the model ran but a part of a region never
            did.
    """
    model = getattr(model, "_orig_mod", model)
    edits = [
        (replace(part.site, positions=positions), of_units(model, part, partial(_put, part, new)))
        for name, mode in modes.items()
        for part, new in _replacements(region_named(regions, name), mode, means, generator)
    ]
    with _uncompiled(), editing(model, edits, watched=[model]) as missing:
        yield
    for site in missing():
        raise RoutingError(uncalled(site.module, attention=False))


class _Uncompiled:
    """A context in which compiled networks run uncompiled, so that hooks added later have effect.

    Torch has one setting for all threads, so the last context to end, in any thread, restores it.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._stance = threading.Lock(), 0, contextlib.ExitStack()
        self._is_set = False

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if not self._is_set and "torch._dynamo" in sys.modules:  # else nothing is compiled yet
                self._stance.enter_context(torch.compiler.set_stance("force_eager"))
                self._is_set = True
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._stance.close()
                    self._is_set = False


_uncompiled = _Uncompiled()


def record_means(
    model: nn.Module, regions: Mapping[str, Region], run: Callable[[], object]
) -> dict[str, list[Tensor]]:
    """Record the mean activation of every unit of every region while `run` runs the model.

    The mean is over examples and positions. Calls by other threads are not recorded.

    Args:
        model: The network.
        regions: Regions by name.
        run: Function that calls `model` any number of times; no gradients are computed.

    Returns:
        Means by region: for each of its parts a tensor `[units]`, float32, on the CPU.

    Raises:
        RoutingError: If a part of a region never ran.
    """
    sums = {name: [_Sum(part) for part in region.parts] for name, region in regions.items()}
    model = getattr(model, "_orig_mod", model)
    with torch.no_grad(), _uncompiled(), contextlib.ExitStack() as stack:
        for total in (total for totals in sums.values() for total in totals):
            stack.callback(edit_part(model, total.part, total.add, applies=Thread()).remove)
        run()
    return {name: [total.mean() for total in totals] for name, totals in sums.items()}


class _Sum:
    """Sums the units of a part over examples and positions, in double precision."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._sum, self._count = torch.zeros(len(part.units), dtype=torch.float64), 0

    def add(self, values: Tensor) -> None:
        units = values.detach().movedim(self.part.axis, 0).flatten(1)
        chosen = units[list(self.part.units)].double()
        self._sum += chosen.sum(1).cpu()
        self._count += chosen.shape[1]

    def mean(self) -> Tensor:
        if not self._count:
            raise RoutingError(f"no data passed {self.part.module} while means were recorded")
        return (self._sum / self._count).float()


def _put(part: Part, others: Others, values: Tensor) -> Tensor:
    return replaced(values, part.units, part.axis, others(values))


def _replacements(
    region: Region, mode: Mode, means: Means | None, generator: torch.Generator | None
) -> list[tuple[Part, Others]]:
    """Return each part of a region with the function that computes its units' replacements."""
    if mode == "zero":
        return [(part, lambda values: values.new_zeros(())) for part in region.parts]
    if mode == "mean":
        if means is None or len(means.get(region.name, ())) != len(region.parts):
            raise RoutingError(
                f"no means of region {region.name} are given; record_means makes them"
            )
        recorded = zip(region.parts, means[region.name], strict=True)
        return [(part, partial(_mean, part, mean)) for part, mean in recorded]
    if mode == "resample":
        if generator is None:
            raise RoutingError("resample draws at random: give ablate a generator")
        sources = _Sources(generator)
        return [(part, partial(sources.draw, part)) for part in region.parts]
    if isinstance(mode, bool) or not isinstance(mode, int | float) or not math.isfinite(mode):
        raise RoutingError(
            f"{region.name}: {mode!r} is no ablation; give {', '.join(MODES)} or a factor"
        )
    return [(part, lambda values: values * float(mode)) for part in region.parts]


def _mean(part: Part, mean: Tensor, values: Tensor) -> Tensor:
    units = values.new_zeros(part.size)
    units[list(part.units)] = mean.to(units)
    return along(units, part.axis, values)


class _Sources:
    """Draws another example for each example of a batch; draws anew when a part runs again."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._source = torch.empty(0, dtype=torch.long)
        self._passed: set[Part] = set()

    def draw(self, part: Part, values: Tensor) -> Tensor:
        batch = len(values)
        if not self._passed or part in self._passed or len(self._source) != batch:
            self._passed, self._source = set(), other_examples(batch, self._generator)
        self._passed.add(part)
        return values[self._source.to(values.device)]


def ablated_outputs(
    model: nn.Module, regions: Mapping[str, Region], names: Iterable[str], example: Any
) -> list[Tensor]:
    """Return all tensors that the model returns for an example with some regions ablated to zero.

    Args:
        model: The network.
        regions: Regions by name.
        names: Names of the regions to ablate.
        example: An input of the model, or a tuple of its inputs.
    """
    with ablate(model, regions, dict.fromkeys(names, "zero")):
        return outputs_of(model, example)


def require_ablated(found: list[Tensor], expected: list[Tensor], how: str) -> None:
    """Check that a changed model's outputs equal those of the ablated model, up to rounding.

    Args:
        found: Outputs of the changed model.
        expected: Outputs of the ablated model, from `ablated_outputs`.
        how: How the model was changed, for messages, such as "with zero weights".

    Raises:
        RoutingError: If they differ.
    """
    for one, other in zip(found, expected, strict=True):
        if one.shape != other.shape:
            raise RoutingError(
                f"{how} the model returns shape {list(one.shape)}, but ablated {list(other.shape)}"
            )
        if not one.is_floating_point():
            continue
        difference = (one - other).abs().max().item() if one.numel() else 0.0
        scale = 1 + (other.abs().max().item() if other.numel() else 0.0)
        # `not <=`, so that NaN is refused too.
        if not difference <= 100 * torch.finfo(one.dtype).eps * scale:
            raise RoutingError(
                f"{how} the model's outputs are not those of the ablated model: they differ by "
                f"up to {difference:.2g}"
            )
