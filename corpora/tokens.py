"""What language models learn from: sequences of tokens in three parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.corpora.digits import Part


@dataclass(frozen=True)
class Sequences:
    """Sequences of tokens, and what is known of each."""

    tokens: NDArray[np.int64]
    """`[N, T]`, filled up with 0 to the right."""
    lengths: NDArray[np.int64]
    """Tokens of each without the filling `[N]`."""
    facts: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Facts by name `[N]`, from which labels are read."""
    concept: NDArray[np.bool_] | None = None
    """Tokens that belong to what a concept's label is about `[N, T]`; None: nothing says so."""

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class TokenData:
    """Sequences for training, tuning and reports."""

    words: tuple[str, ...]
    """What each token stands for."""
    context_length: int
    """Number of tokens that a network reads at once."""
    train: Sequences
    validation: Sequences
    test: Sequences

    @property
    def vocabulary(self) -> int:
        """Number of different tokens, which are numbered from 0."""
        return len(self.words)

    def part(self, name: Part) -> Sequences:
        """Return one of the parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]
