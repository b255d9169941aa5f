"""Describe the residual streams of a network, and measure norms along them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from chisel.analysis.interventions import record
from chisel.analysis.language.sites import SiteTable
from chisel.configs import ConfigError
from chisel.models import ResidualUnit
from chisel.routing import Site
from chisel.routing.sites import is_transposed_linear


@dataclass(frozen=True)
class Stream:
    """Blocks in a row, each of which reads a residual stream and adds to it."""

    name: str
    """Name of the module that contains the blocks; empty for the only stream of a network."""
    blocks: tuple[str, ...]
    """Names of the modules."""
    axis: int
    """Axis of the units."""
    added: tuple[tuple[Site, ...], ...]
    """Sites whose outputs each block adds; their sum is the block's output minus its input."""
    weights: tuple[tuple[str, ...], ...]
    """Layers whose weights compute these outputs, for each block and site."""

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.blocks)

    def read(self, block: int) -> Site:
        """Return the site of a block's input."""
        return Site(self.blocks[block], "input", 0, axis=self.axis)

    def left(self, block: int) -> Site:
        """Return the site of a block's output."""
        return Site(self.blocks[block], axis=self.axis)

    @property
    def sites(self) -> list[Site]:
        """Return the sites of the stream before each block and after the last one."""
        return [*map(self.read, range(len(self))), self.left(len(self) - 1)]


def stream_of_language_model(table: SiteTable) -> Stream:
    """Return the residual stream of a language model."""
    layers = range(table.layers)
    return Stream(
        "",
        tuple(table.site(f"block.{n}.out").module for n in layers),
        -1,
        tuple((table.site(f"block.{n}.attn"), table.site(f"block.{n}.mlp")) for n in layers),
        tuple(tuple(table.writers(n)) for n in layers),
    )


def streams_of_images(model: nn.Module) -> list[Stream]:
    """Return the residual streams of an Impala network: one in each of its blocks.

    A stream begins after the pooling, since convolution and pooling change the shape of the tensor.

    Raises:
        ConfigError: If the network has no residual units.
    """
    units = [name for name, one in model.named_modules() if isinstance(one, ResidualUnit)]
    streams = []
    for inside, names in groupby(units, key=lambda name: name.rpartition(".")[0]):
        blocks = tuple(names)
        added = tuple((Site(f"{block}.conv2"),) for block in blocks)
        streams.append(
            Stream(inside, blocks, 1, added, tuple((f"{block}.conv2",) for block in blocks))
        )
    if not streams:
        raise ConfigError(f"{type(model).__name__} has no residual units, as Impala networks have")
    return streams


@dataclass(frozen=True)
class Norms:
    """Norms along a stream of L blocks, for each of N examples; NaN where there is no value."""

    stream: Tensor
    """Mean norm of the stream before each block and after the last, `[L + 1, N]`."""
    first: Tensor
    """Norm at position 0 of a text, `[L + 1, N]`; it is left out of `stream` and `added`."""
    every: Tensor
    """Mean norm of the stream over all tokens, position 0 included, `[L + 1, N]`."""
    added: Tensor
    """Mean norm of the output that each block adds at each of its sites, `[L, sites, N]`."""
    weights: Tensor
    """Frobenius norm of the weights that compute this output, `[L, sites]`."""


def measure_norms(
    model: nn.Module, stream: Stream, run: Callable[[], object], positions: Tensor | None
) -> Norms:
    """Measure norms along a stream, as Heimersheim and Turner (2023) do.

    In networks with LayerNorm, blocks do not see the mean over units, so it is subtracted first;
    the norm is then √units times the standard deviation. Means are over tokens without position 0
    and padding, or over all places of an image.

    Args:
        model: The network.
        stream: One of its streams.
        run: Function that runs the network on the examples, in one batch.
        positions: Positions of the tokens `[N, T]`, -1 for padding; None for images.
    """
    centred = stream.axis == -1 and any(isinstance(one, nn.LayerNorm) for one in model.modules())
    flat = [site for sites in stream.added for site in sites]
    found = record(model, [*stream.sites, *flat], run)

    def norms(site: Site) -> Tensor:
        values = found[site].double().movedim(stream.axis, -1).flatten(1, -2)
        if centred:
            values = values - values.mean(2, keepdim=True)
        by_place: Tensor = values.norm(dim=2)
        return by_place

    def mean(site: Site, least: int = 1) -> Tensor:
        by_place = norms(site)
        if positions is None:
            return by_place.mean(1)
        counted = positions >= least
        return (by_place * counted).sum(1) / counted.sum(1)

    def at_first(site: Site) -> Tensor:
        if positions is None:
            return torch.full((len(found[site]),), torch.nan, dtype=torch.float64)
        return norms(site)[positions == 0]

    weights = [
        [float(_weight(model, name, centred).norm()) for name in names] for names in stream.weights
    ]
    return Norms(
        torch.stack([mean(site) for site in stream.sites]),
        torch.stack([at_first(site) for site in stream.sites]),
        torch.stack([mean(site, 0) for site in stream.sites]),
        torch.stack([torch.stack([mean(site) for site in sites]) for sites in stream.added]),
        torch.tensor(weights, dtype=torch.float64),
    )


def _weight(model: nn.Module, name: str, centred: bool) -> Tensor:
    """Return a weight as `[outputs, inputs]`; if `centred`, its mean over outputs is subtracted."""
    module = model.get_submodule(name)
    weight = module.get_parameter("weight").detach().double()
    if is_transposed_linear(module):
        weight = weight.T
    return weight - weight.mean(0) if centred else weight


def fitted_layers(depth: int) -> tuple[int, int]:
    """Return the first and the last layer of a fit that leaves out the ends of a stream.

    The ends are a sixth of the blocks at the beginning and, from ten blocks on, two at the end.
    """
    return depth // 6, depth - 2 if depth >= 10 else depth


def growth(norms: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Fit `norm = a · g^layer` by least squares of the logarithm.

    Args:
        norms: Norms `[L + 1, N]`, such as `Norms.stream`.
        first: Number of the first layer of the fit.
        last: Number of the last layer of the fit.

    Returns:
        The growth g per layer `[N]`, and the share of the variance R² that the fit explains `[N]`.
    """
    logs = norms[first : last + 1].double().log()
    layers = torch.arange(first, last + 1, dtype=torch.float64)[:, None]
    x, y = layers - layers.mean(), logs - logs.mean(0)
    slope = (x * y).sum(0) / x.square().sum()
    return slope.exp(), 1 - (y - slope * x).square().sum(0) / y.square().sum(0)
