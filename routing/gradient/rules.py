"""Rules of routing: the weight of each label's gradient in each region."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from chisel.routing.errors import RoutingError, hint

Row = dict[str, float]
Table = dict[str, Row]


class Rules:
    """A table of weights by label and region, which single loss terms may change.

    Args:
        regions: Names of the regions, in the order of the columns.
        rules: Weights by label and region, any real numbers; 1 for regions that are not listed.
            The order of the keys numbers the labels from 0.
        unlabelled: Weights of examples without a label, by region; 1 if not listed.
        terms: Entries by loss term that replace those of `rules` for that term.

    Raises:
        RoutingError: If a name is unknown, or a weight is not a finite number.
    """

    def __init__(
        self,
        regions: Iterable[str],
        rules: Mapping[str, Any],
        unlabelled: Mapping[str, Any],
        terms: Mapping[str, Any],
    ) -> None:
        self.regions = tuple(regions)
        self.rules = self._table("rules", rules)
        self.unlabelled = self._row("unlabelled", unlabelled)
        self.terms = {
            term: self._table(f"terms.{term}", table)
            for term, table in _mapping("terms", terms).items()
        }
        self.label_names = tuple(self.rules)
        for term, table in self.terms.items():
            for label in table:
                if label not in self.rules:
                    raise RoutingError(
                        f"terms.{term}: no label {label!r}; {hint(label, self.label_names)}"
                    )

    def _table(self, key: str, table: Any) -> Table:
        return {
            str(label): self._row(f"{key}.{label}", row)
            for label, row in _mapping(key, table).items()
        }

    def _row(self, key: str, row: Any) -> Row:
        weights = {}
        for region, weight in _mapping(key, row).items():
            if region not in self.regions:
                raise RoutingError(f"{key}: no region {region!r}; {hint(region, self.regions)}")
            number = isinstance(weight, int | float) and not isinstance(weight, bool)
            if not number or not math.isfinite(weight):
                raise RoutingError(f"{key}.{region}: {weight!r} is not a weight; give a number")
            weights[str(region)] = float(weight)
        return weights

    def closes(self, region: str) -> bool:
        """Return whether a label, or none, has weight 0 in a region for every loss term.

        If one term had another weight, its gradient would move the region.
        """
        number = self.regions.index(region)
        tables = torch.stack([self.table(term)[:, number] for term in (None, *self.terms)])
        return bool((tables == 0).all(0).any())

    def table(self, term: str | None = None) -> Tensor:
        """Return the weights `[K + 1, R + 1]` of K labels and R regions, float64.

        The last row is for examples without a label. The last column is 1, for units of no region.

        Args:
            term: A loss term; None, or a term without its own rules, uses the rules of all terms.
        """
        changes = {} if term is None else self.terms.get(term, {})
        rows = [self.rules[label] | changes.get(label, {}) for label in self.label_names]
        weights = [[row.get(region, 1.0) for region in self.regions] for row in rows]
        weights.append([self.unlabelled.get(region, 1.0) for region in self.regions])
        return torch.tensor([[*row, 1.0] for row in weights], dtype=torch.float64)

    def weights(
        self, labels: Tensor, term: str | None, strength: float, dtype: torch.dtype
    ) -> Tensor:
        """Return the weights `[*L, R + 1]` of every example: `1 + strength (weight - 1)`.

        Args:
            labels: Integers `[*L]`, -1 for unlabelled; or soft labels `[*L, K]`, shares of each
                label, where the rest up to 1 is unlabelled.
            term: A loss term; None, or a term without its own rules, uses the rules of all terms.
            strength: Strength of routing in [0, 1]: 0 gives weights of 1, 1 those of the table.
            dtype: Data type of the result.
        """
        table = self.table(term)
        table = torch.lerp(torch.ones_like(table), table, strength)  # exact at 0 and at 1
        table = table.to(device=labels.device, dtype=dtype)
        if not labels.is_floating_point():
            return table[labels.long()]  # -1 is the last row
        shares = labels.to(dtype)
        return shares @ table[:-1] + (1 - shares.sum(-1, keepdim=True)) * table[-1]

    def check(self, labels: Tensor) -> None:
        """Check type, shape and range of labels.

        Raises:
            RoutingError: If one of them is wrong.
        """
        if not isinstance(labels, Tensor):
            raise RoutingError(f"labels must be a tensor, not a {type(labels).__name__}")
        count, names = len(self.label_names), ", ".join(self.label_names)
        if labels.is_floating_point():
            if labels.dim() < 2 or labels.shape[-1] != count:
                raise RoutingError(
                    f"soft labels have shape {list(labels.shape)}, not [B, {count}] ({names})"
                )
            sums = labels.sum(-1)
            # `not (… and …)`, so that NaN is refused too.
            if labels.numel() and not (labels.min() >= 0 and sums.max() <= 1 + 1e-4):
                raise RoutingError("soft labels are shares: at least 0, adding up to at most 1")
        elif not labels.dtype.is_signed or labels.is_complex() or labels.dim() == 0:
            raise RoutingError(
                f"labels are integers [B], -1 for unlabelled, not {list(labels.shape)} of "
                f"{labels.dtype}"
            )
        elif labels.numel() and (labels.min() < -1 or labels.max() >= count):
            raise RoutingError(
                f"labels lie between -1 and {count - 1} ({names or 'there are no rules'}), "
                f"not between {int(labels.min())} and {int(labels.max())}"
            )


def _mapping(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RoutingError(f"{key}: needs a mapping, not {value!r}")
    return value
