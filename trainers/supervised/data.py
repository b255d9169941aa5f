"""Minibatches of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor


class ExampleLoader:
    """Shuffled minibatches of all examples; each pass is one epoch.

    It has a length, and draws from its own generator, which is saved. The last minibatch of an
    epoch takes what is left, so that every example is seen once.

    Args:
        columns: Tensors `[N, …]` of which a minibatch holds the same rows.
        batch_size: Rows of a minibatch, at most N.
        generator: CPU generator of the permutations.
    """

    def __init__(
        self, columns: Mapping[str, Tensor], *, batch_size: int, generator: torch.Generator
    ) -> None:
        self.columns, self.batch_size, self.generator = dict(columns), batch_size, generator
        self.num_examples = len(next(iter(self.columns.values())))

    def __len__(self) -> int:
        return -(-self.num_examples // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = torch.randperm(self.num_examples, generator=self.generator)
        for start in range(0, self.num_examples, self.batch_size):
            rows = order[start : start + self.batch_size]
            yield {name: column[rows.to(column.device)] for name, column in self.columns.items()}
