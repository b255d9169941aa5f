"""Switch regions off while a network runs, by the names that they were trained with."""

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
"""`zero`, `mean`, `resample`, or a factor by which the units are multiplied."""
Means = Mapping[str, Sequence[Tensor]]
"""By region, for each of its parts the mean `[units]`."""

Others = Callable[[Tensor], Tensor]
"""From an activation to what is put in at a part's units, which broadcasts to it."""

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
    """Within the context, `model` runs with some regions switched off or turned down.

    The units of each part are replaced at the output of its module, or at the input if the part is
    there. All other units pass bit for bit. A mixture of experts decides itself what a gate's units
    that are set to zero mean. Compiled code would not notice the ablation, so it runs uncompiled
    within the context. Leaving the context, also through an exception, restores everything.
    Contexts can be nested. Other threads that run the model meanwhile are refused.

    Args:
        model: The network, compiled or not.
        regions: Regions by name (`Router.regions`); controls may be among them.
        modes: By region, what its units become: 0 (`zero`); their recorded mean (`mean`); those of
            another example of the batch, the same one for all parts of the region (`resample`); or
            what they are times a factor (a number).
        means: For `mean`: what `record_means` returned.
        generator: For `resample`: source of the random draws.
        positions: Tokens at which the regions are ablated, -1 is the last; None: at all.

    Raises:
        RoutingError: A region or a mode is unknown, or `means` or `generator` is missing; when data
            passes, a batch of one example cannot be resampled, there is no such position, or
            another thread runs the model; or, at the end, the model ran and never passed a place of
            a region.
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
    """Runs compiled networks uncompiled, since hooks that are added later do nothing there.

    Torch has one stance for all threads: the last context that ends, in whichever thread, puts it
    back.
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

    The mean is over examples and positions; float32, on the CPU. What other threads run meanwhile
    is not recorded.

    Args:
        model: The network.
        regions: Regions by name.
        run: Calls `model`, any number of times; no gradient is kept.

    Returns:
        By region, for each of its parts the means `[units]`.

    Raises:
        RoutingError: If `run` never passed one of the parts.
    """
    sums = {name: [_Sum(part) for part in region.parts] for name, region in regions.items()}
    model = getattr(model, "_orig_mod", model)
    with torch.no_grad(), _uncompiled(), contextlib.ExitStack() as stack:
        for total in (total for totals in sums.values() for total in totals):
            stack.callback(edit_part(model, total.part, total.add, applies=Thread()).remove)
        run()
    return {name: [total.mean() for total in totals] for name, totals in sums.items()}


class _Sum:
    """Adds up the units of a part, in double precision."""

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
    """For each part of a region, what its units are replaced by."""
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
    """Draws another example for each one of a batch; a new draw begins when a part comes again."""

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
    """Return all tensors that the model returns for an example with some regions set to zero."""
    with ablate(model, regions, dict.fromkeys(names, "zero")):
        return outputs_of(model, example)


def require_ablated(found: list[Tensor], expected: list[Tensor], how: str) -> None:
    """Check that a changed model's outputs are those of the ablated one, up to rounding.

    Args:
        found: The outputs of the changed model.
        expected: `ablated_outputs`.
        how: How it was changed, for messages: "with zero weights".

    Raises:
        RoutingError: They differ.
    """
    for one, other in zip(found, expected, strict=True):
        if one.shape != other.shape:
            raise RoutingError(f"{how} the model returns {list(one.shape)}, not as when ablated")
        if not one.is_floating_point():
            continue
        difference = (one - other).abs().max().item() if one.numel() else 0.0
        scale = 1 + (other.abs().max().item() if other.numel() else 0.0)
        # Written so that NaN is refused as well.
        if not difference <= 100 * torch.finfo(one.dtype).eps * scale:
            raise RoutingError(
                f"{how} the model's outputs are not those of the ablated model: they differ by "
                f"up to {difference:.2g}"
            )
