"""Batches of tokens with padding, and the position of each token in its own text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from chisel.configs import ConfigError

Side = Literal["left", "right"]
"""Side of a text on which padding is added."""


@dataclass(frozen=True)
class Tokens:
    """A batch of texts as tokens."""

    ids: Tensor
    """Numbers of the tokens, `[B, T]`."""
    mask: Tensor
    """Bools `[B, T]`: true for tokens, false for padding."""

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]], pad: int, side: Side = "right") -> Tokens:
        """Pad lists of tokens to the length of the longest.

        Args:
            texts: Tokens of each text.
            pad: Token that pads shorter texts.
            side: Side of the padding.

        Raises:
            ConfigError: If there is no text, or a text has no token.
        """
        if not texts or not all(map(len, texts)):
            raise ConfigError("a text has no tokens")
        longest = max(map(len, texts))
        ids = torch.full((len(texts), longest), pad)
        mask = torch.zeros(ids.shape, dtype=torch.bool)
        for row, text in enumerate(texts):
            place = slice(0, len(text)) if side == "right" else slice(longest - len(text), None)
            ids[row, place] = torch.tensor(list(text))
            mask[row, place] = True
        return cls(ids, mask)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.ids)

    @property
    def positions(self) -> Tensor:
        """Position of each token in its text, `[B, T]`, from 0; -1 for padding."""
        return torch.where(self.mask, self.mask.cumsum(1) - 1, -1)

    @property
    def last(self) -> Tensor:
        """Column of each text's last token, `[B]`."""
        return self.positions.argmax(1)

    def rows(self, start: int, stop: int) -> Tokens:
        """Return the texts from `start` to `stop - 1`."""
        return Tokens(self.ids[start:stop], self.mask[start:stop])


_positions: ContextVar[Tensor | None] = ContextVar("positions", default=None)


@contextlib.contextmanager
def at_positions(positions: Tensor) -> Iterator[None]:
    """Tell interventions, within the context, the positions `[B, T]` of the tokens that pass."""
    token = _positions.set(positions)
    try:
        yield
    finally:
        _positions.reset(token)


def token_positions(values: Tensor) -> Tensor:
    """Return the position in its text of each token of an activation, from 0; -1 for padding.

    Within `LanguageModel.logits` this is correct with padding and with a cache. If a network is
    called directly, positions are counted from the first column.

    Args:
        values: The activation `[B, T, …]` that an intervention edits.

    Returns:
        Positions `[B, T]`, on the device of `values`.
    """
    known = _positions.get()
    if known is not None and known.shape == values.shape[:2]:
        return known.to(values.device)
    return torch.arange(values.shape[1], device=values.device).expand(values.shape[:2])
