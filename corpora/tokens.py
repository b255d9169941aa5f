"""What language models learn from: sequences of tokens in three parts."""

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
    """Text to tokens and back, a token for each word; token 0 begins and ends every text.

    It has what `models.language` asks of transformers' tokenizers.

    Args:
        words: What each token stands for.
    """

    bos_token_id = eos_token_id = 0

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(words)}

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._words)

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        """Return the tokens of a text, after the one that begins it if it is asked for.

        Raises:
            ConfigError: A word is not known.
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
    contrast: Callable[[str], Contrast] | None = None
    """Makes contrast pairs of a behaviour by its name; None: the corpus has none of its own."""

    @property
    def tokenizer(self) -> WordTokenizer:
        """Text to tokens and back."""
        return WordTokenizer(self.words)

    @property
    def vocabulary(self) -> int:
        """Number of different tokens, which are numbered from 0."""
        return len(self.words)

    def part(self, name: Part) -> Sequences:
        """Return one of the parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]
