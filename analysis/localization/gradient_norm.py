"""Measure how much of a loss's gradient falls into each region, layer by layer.

The squared gradient norm of a region is the sum of the squared gradients of the elements that only
this region owns. Elements that no region owns, or that two own because rows of one cross columns of
the other, are `shared`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.localization.elements import Elements
from chisel.analysis.results import Estimate, bootstrap_mean, mean_of_known

MEAN = "mean"
"""Name for the mean over kinds."""


@dataclass(frozen=True)
class Sides:
    """The regions that rules treat differently for one kind of example."""

    own: tuple[str, ...]
    """Regions that are open to this kind and closed, or less open, to another."""
    foreign: tuple[str, ...]
    """Regions that are open to another kind and closed, or less open, to this one."""


def sides_of(
    kinds: Sequence[str], regions: Sequence[str], rules: Mapping[str, Mapping[str, float]]
) -> dict[str, Sides]:
    """Return the own and the foreign regions of every kind; kinds without both are left out.

    Args:
        kinds: Labels of examples.
        regions: Names of regions.
        rules: Weight of the gradient by label and region; 1 if not named. If all labels have the
            same rules, as in a network that is not routed, a region belongs to the label with its
            own name.
    """
    weights = {kind: {r: rules.get(kind, {}).get(r, 1.0) for r in regions} for kind in kinds}
    if all(row == weights[kinds[0]] for row in weights.values()):
        weights = {kind: {r: float(r == kind) for r in regions} for kind in kinds}
    most = {r: max(weights[kind][r] for kind in kinds) for r in regions}
    unequal = [r for r in regions if any(weights[kind][r] < most[r] for kind in kinds)]
    found = {
        kind: Sides(
            tuple(r for r in unequal if weights[kind][r] == most[r]),
            tuple(r for r in unequal if weights[kind][r] < most[r]),
        )
        for kind in kinds
    }
    return {kind: sides for kind, sides in found.items() if sides.own and sides.foreign}


@dataclass(frozen=True)
class SquaredGradientNorms:
    """Squared gradient norms by kind of example, region and layer, for several batches."""

    kinds: tuple[str, ...]
    elements: Elements
    values: NDArray[np.float64]
    """Norms `[N, K, R, L]`; NaN in batches without examples of a kind."""

    def matrix(self) -> NDArray[np.float64]:
        """Return means over batches `[K, R]`; NaN for a kind that no batch has."""
        return mean_of_known(self.values.sum(axis=3))

    def shares(self) -> NDArray[np.float64]:
        """Return the share of each kind's norm in each region `[K, R]`; rows add up to 1."""
        matrix = self.matrix()
        with np.errstate(invalid="ignore"):  # no gradient at all: no share
            return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))

    def per_parameter(self) -> NDArray[np.float64]:
        """Return the mean squared gradient `[K, R]` of a region's elements; NaN if it has none."""
        sizes = self.elements.sizes.sum(axis=1).astype(float)
        return np.asarray(self.matrix() / np.where(sizes > 0, sizes, np.nan))

    def own_shares(
        self, sides: Mapping[str, Sides], generator: np.random.Generator
    ) -> dict[str, Estimate]:
        """Return the share of each kind's norm in its own regions, out of own and foreign ones.

        One kind's share can be far from a half merely because regions differ in size, or attract
        different amounts of any example's gradient. Such a difference raises one kind's share as
        much as it lowers another's, so the `mean` over kinds is the fairer number.

        Args:
            sides: Regions that are compared, by kind.
            generator: Source of the bootstrap over batches.

        Returns:
            Shares by kind, and their `mean`.
        """
        own = self._in({kind: side.own for kind, side in sides.items()})
        both = self._in({kind: side.own + side.foreign for kind, side in sides.items()})
        shares = _ratio(own.sum(0), both.sum(0))
        # To first order, the ratio of sums is the mean of these terms over batches.
        parts = shares + _ratio(own - shares * both, both.mean(0))
        found = {k: _share(parts[:, i], generator) for i, k in enumerate(sides)}
        return found | {MEAN: _share(parts.mean(axis=1), generator)}

    def _in(self, regions: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
        """Return norms `[N, len(regions)]` of each kind in some regions; 0 without examples."""
        totals = np.nan_to_num(self.values.sum(axis=3))
        return np.stack(
            [
                totals[:, self.kinds.index(k)][:, self._columns(r)].sum(1)
                for k, r in regions.items()
            ],
            axis=1,
        )

    def own_shares_by_layer(self, sides: Mapping[str, Sides]) -> dict[str, dict[str, float]]:
        """Return the shares of `own_shares` by layer and kind, for layers with both sides.

        Corresponding layers of modules that have the names of regions (experts) count as one layer.
        """
        found: dict[str, dict[str, float]] = {}
        norms = mean_of_known(self.values)
        for layer, at in self._corresponding().items():
            for kind, side in sides.items():
                rows = norms[self.kinds.index(kind)][:, at].sum(axis=1)
                sizes = self.elements.sizes[:, at].sum(axis=1)
                own, foreign = self._columns(side.own), self._columns(side.foreign)
                if sizes[own].any() and sizes[foreign].any():
                    whole = rows[own].sum() + rows[foreign].sum()
                    share = float(_ratio(rows[own].sum(), whole))
                    found.setdefault(layer, {})[kind] = share
        return found

    def _corresponding(self) -> dict[str, list[int]]:
        layers: dict[str, list[int]] = {}
        for number, name in enumerate(self.elements.layers):
            parts = ("*" if part in self.elements.regions else part for part in name.split("."))
            layers.setdefault(".".join(parts), []).append(number)
        return layers

    def _columns(self, names: Sequence[str]) -> list[int]:
        return [number for number, name in enumerate(self.elements.regions) if name in names]

    def expected(self, side: Sides) -> float:
        """Return the share of a kind's own regions in the number of elements of both sides."""
        sizes = self.elements.sizes.sum(axis=1)
        own = sizes[self._columns(side.own)].sum()
        return float(own / max(1, own + sizes[self._columns(side.foreign)].sum()))

    def to_plain(self) -> dict[str, Any]:
        """Return means over batches by kind and region, for JSON."""
        layers = mean_of_known(self.values)
        return {
            "batches": len(self.values),
            "mass": self._named(self.matrix()),
            "share": self._named(self.shares()),
            "per_parameter": self._named(self.per_parameter()),
            "layers": {
                kind: {
                    region: {
                        layer: layers[k, r, i]
                        for i, layer in enumerate(self.elements.layers)
                        if self.elements.sizes[r, i]
                    }
                    for r, region in enumerate(self.elements.regions)
                }
                for k, kind in enumerate(self.kinds)
            },
        }

    def _named(self, table: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        return {
            kind: dict(zip(self.elements.regions, row, strict=True))
            for kind, row in zip(self.kinds, table, strict=True)
        }


def _ratio(part: Any, whole: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(part, float) / np.where(np.asarray(whole) == 0, np.nan, whole)


def _share(parts: NDArray[np.float64], generator: np.random.Generator) -> Estimate:
    """Return the mean of a share's terms `[N]`, each of which may be outside of 0…1."""
    found = bootstrap_mean(parts, generator)
    low, high = (float(np.clip(end, 0, 1)) for end in (found.low, found.high))
    return Estimate(found.value, low, high, found.n, (0, 1))
