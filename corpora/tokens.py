"""Data for language models: sequences of tokens in three parts, and a tokenizer of words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs import ConfigError, near
from chisel.corpora.contrast import Contrast
from chisel.corpora.digits import Part


class WordTokenizer:
    """Translates words to tokens and back; token 0 begins and ends every text.

    It has the methods of transformers' tokenizers that `models.language` needs.

    Args:
        words: Word of each token.
    """

    bos_token_id = eos_token_id = 0

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(words)}

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._words)

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """Return the tokens of a text.

        Args:
            text: Words with spaces between them.
            add_special_tokens: Whether to begin with token 0.

        Raises:
            ConfigError: If a word is not known.
        """
        for word in text.split():
            if word not in self._numbers:
                match = near(word, self._words)
                raise ConfigError(
                    f"the network knows no word {word!r}"
                    + (f"; did you mean {match!r}?" if match else "")
                )
        return [0] * add_special_tokens + [self._numbers[word] for word in text.split()]

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Return the words of tokens, each with a space before it."""
        kept = [token for token in ids if token or not skip_special_tokens]
        return "".join(f" {self._words[token]}" for token in kept)


@dataclass(frozen=True)
class Sequences:
    """Sequences of tokens, and facts about each."""

    tokens: NDArray[np.int64]
    """Tokens `[N, T]`, padded with 0 on the right."""
    lengths: NDArray[np.int64]
    """Number of tokens of each sequence without padding `[N]`."""
    facts: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Facts by name `[N]`, from which labels are read."""
    concept: NDArray[np.bool_] | None = None
    """Whether each token belongs to the concept that labels are about `[N, T]`; None: unknown."""

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class TokenData:
    """Sequences for training, for tuning, and for reporting results."""

    words: tuple[str, ...]
    """Word of each token."""
    context_length: int
    """Number of tokens that a network reads at once."""
    train: Sequences
    validation: Sequences
    test: Sequences
    contrast: Callable[[str], Contrast] | None = None
    """Function that makes contrast pairs of a behaviour by its name; None: there are none."""

    @property
    def tokenizer(self) -> WordTokenizer:
        """Return the tokenizer of these words."""
        return WordTokenizer(self.words)

    @property
    def vocabulary(self) -> int:
        """Return the number of different tokens, which are numbered from 0."""
        return len(self.words)

    def part(self, name: Part) -> Sequences:
        """Return one of the parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]
