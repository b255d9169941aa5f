"""Grammars of stories whose probabilities can be computed exactly.

A story has hidden *latents*, such as its topic and its mood, which are drawn independently. It is a
fixed sequence of sentences. For each sentence one of several templates is chosen. Each place of a
template draws a word, which depends on at most one latent and on at most one earlier word. The
words so far show which template is followed, so only the latents are unknown. Given the words,
latents remain independent, so Bayes' rule is exact with one small table for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

END = "<end>"
"""Token 0, which begins and ends every story, and pads stories that are shorter than others."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Given = Mapping[str, str]
"""Values of some latents, by the latents' names."""


@dataclass(frozen=True)
class Latent:
    """A property of a whole story, such as its mood."""

    name: str
    values: tuple[str, ...]

    @property
    def prior(self) -> Floats:
        """Return the probability of each value `[L]`: all are equally likely."""
        return np.full(len(self.values), 1 / len(self.values))


@dataclass(frozen=True, eq=False)
class Slot:
    """A place of a template."""

    words: tuple[str, ...]
    """Words that can stand in the place, all different."""
    table: Floats
    """Probability of each word `[L, R, W]`: by the latent's value (one row if the place depends on
    no latent) and by the word that the place reads (one row if it reads none)."""
    latent: str | None = None
    """Name of the latent on which the place depends."""
    reads: str | None = None
    """Name of the register with the earlier word on which the place depends."""
    writes: str | None = None
    """Name of the register that keeps the place's word, as its number in `words`, for later places.
    """
    sides: Ints | None = None
    """Value of the latent that each word speaks for `[W]`; None if words speak for several."""


_END = Slot((END,), np.ones((1, 1, 1)))


def literal(words: str) -> list[Slot]:
    """Return places with one possible word each."""
    return [Slot((word,), np.ones((1, 1, 1))) for word in words.split()]


@dataclass(frozen=True)
class Template:
    """One form of a sentence; all templates of a sentence are equally likely."""

    slots: tuple[Slot, ...]


class Predicted(NamedTuple):
    """The prediction of the next place in some stories, from their words so far."""

    rows: Ints
    """Numbers of the stories `[n]`."""
    positions: Ints
    """Position of the next word of each story `[n]`."""
    slot: Slot
    """The next place."""
    probabilities: Floats
    """Probability of each word of the place `[n, W]`. They add up to that of the template."""
    chosen: Ints
    """Number in `slot.words` of the word that follows `[n]`; -1 if it is another template's."""


@dataclass(frozen=True)
class Stories:
    """Drawn stories."""

    tokens: Ints
    """Tokens `[N, T]`: `END`, the words, and `END` up to the right end."""
    lengths: Ints
    """Number of tokens of each story `[N]`, with one `END` at each side."""
    latents: Ints
    """Number of the value of each latent `[N, K]`."""
    sources: Ints
    """Number of the latent that each token depends on `[N, T]`, -1 for none."""

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, chosen: slice | NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Stories:
        """Return some of the stories."""
        parts = (self.tokens, self.lengths, self.latents, self.sources)
        return Stories(*(part[chosen] for part in parts))


@dataclass(frozen=True)
class Grammar:
    """Latents, and the templates of each sentence.

    Raises:
        ValueError: If templates of one sentence can begin with the same word, a place reads a
            register that nothing has written, or a table doesn't fit.
    """

    latents: tuple[Latent, ...]
    sentences: tuple[tuple[Template, ...], ...]
    vocabulary: tuple[str, ...] = field(init=False)
    """All words: `END` first, then the others, sorted."""

    def __post_init__(self) -> None:
        slots = [slot for ways in self.sentences for one in ways for slot in one.slots]
        words = sorted({word for slot in slots for word in slot.words})
        object.__setattr__(self, "vocabulary", (END, *words))
        self._check()
        numbers = {slot: np.array([self.vocabulary.index(w) for w in slot.words]) for slot in slots}
        object.__setattr__(self, "_numbers", numbers)
        places = {latent.name: number for number, latent in enumerate(self.latents)}
        object.__setattr__(self, "_places", places)

    _numbers: dict[Slot, Ints] = field(init=False, repr=False)
    _places: dict[str, int] = field(init=False, repr=False)

    def _check(self) -> None:
        sizes = {latent.name: len(latent.values) for latent in self.latents}
        written: dict[str, int] = {}
        for number, ways in enumerate(self.sentences):
            first = [word for way in ways for word in way.slots[0].words]
            if len(ways) > 1 and len(set(first)) < len(first):
                raise ValueError(f"sentence {number}: two templates can begin with the same word")
            after = []
            for way in ways:
                known = dict(written)
                for slot in way.slots:
                    _check_slot(slot, sizes, known)
                    if slot.writes is not None:
                        known[slot.writes] = len(slot.words)
                after.append(known)
            written = {k: n for k, n in after[0].items() if all(k in one for one in after)}

    def latent(self, name: str) -> Latent:
        """Return the latent of that name.

        Raises:
            KeyError: If there is none.
        """
        return self.latents[self._places[name]]

    def number(self, name: str) -> int:
        """Return the number of the latent of that name.

        Raises:
            KeyError: If there is none.
        """
        return self._places[name]

    def numbers(self, slot: Slot) -> Ints:
        """Return the tokens of a place's words `[W]`; the only word of the last place is `END`."""
        return self._numbers.get(slot, np.zeros(1, np.int64))

    @property
    def context_length(self) -> int:
        """Return the number of tokens of the longest story, with `END` at both sides."""
        return 2 + sum(max(len(way.slots) for way in ways) for ways in self.sentences)

    def priors(self, given: Given | None = None) -> list[Floats]:
        """Return the probabilities of each latent's values `[L]`; 1 for values that are given.

        Raises:
            ValueError: If there is no such latent or value.
        """
        found = [latent.prior for latent in self.latents]
        for name, value in (given or {}).items():
            if name not in self._places or value not in self.latent(name).values:
                known = {one.name: one.values for one in self.latents}
                raise ValueError(f"no {name}={value}; there are {known}")
            found[self._places[name]] = np.eye(len(self.latent(name).values))[
                self.latent(name).values.index(value)
            ]
        return found

    def sample(
        self, count: int, generator: np.random.Generator, latents: Ints | None = None
    ) -> Stories:
        """Draw stories.

        Args:
            count: Number of stories, N.
            generator: Source of all draws.
            latents: Values `[N, K]` to draw for; None draws them from their priors.
        """
        if latents is None:
            sizes = [len(latent.values) for latent in self.latents]
            latents = generator.integers(sizes, size=(count, len(sizes)))
        tokens = np.zeros((count, self.context_length), np.int64)
        sources = np.full(tokens.shape, -1, np.int64)
        ends, registers = np.ones(count, np.int64), _Registers(count)
        for ways in self.sentences:
            choices = generator.integers(len(ways), size=count)
            for choice, way in enumerate(ways):
                rows = np.flatnonzero(choices == choice)
                for slot in way.slots:
                    table = slot.table[self._values(slot, latents[rows]), registers.of(slot, rows)]
                    drawn = generator.random((len(rows), 1))
                    index = (drawn > table.cumsum(-1)[:, :-1]).sum(-1)
                    tokens[rows, ends[rows]] = self._numbers[slot][index]
                    if slot.latent is not None:
                        sources[rows, ends[rows]] = self._places[slot.latent]
                    registers.write(slot, rows, index)
                    ends[rows] += 1
        return Stories(tokens, ends + 1, latents, sources)

    def _values(self, slot: Slot, latents: Ints) -> Ints:
        if slot.latent is None:
            return np.zeros(len(latents), np.int64)
        return latents[:, self._places[slot.latent]]

    def encode(self, text: str) -> list[int]:
        """Return the tokens of words with spaces between, without `END` around them.

        Raises:
            ValueError: If a word is not in the vocabulary.
        """
        numbers = {word: number for number, word in enumerate(self.vocabulary)}
        for word in text.split():
            if word not in numbers:
                raise ValueError(f"{word!r} is no word of this grammar")
        return [numbers[word] for word in text.split()]

    def decode(self, tokens: Sequence[int] | Ints) -> str:
        """Return the words of tokens, with spaces between them; `END` is left out."""
        return " ".join(self.vocabulary[token] for token in tokens if token)

    def predictions(self, tokens: Ints, given: Given | None = None) -> Iterator[Predicted]:
        """Predict every next word of stories, place by place, from the words before it.

        Args:
            tokens: Stories or beginnings of stories `[N, T]`, beginning with `END` and padded with
                `END`.
            given: Values of latents that are known.

        Yields:
            One prediction for each place, about the stories that come to it. At the beginning of a
            sentence, there is one prediction for each of its templates, about all stories.

        Raises:
            ValueError: If a word cannot follow those before it; the message names it.
        """
        count = len(tokens)
        padded = np.concatenate([tokens, np.zeros((count, 2), np.int64)], 1)  # for the last END
        ends = 1 + np.where(tokens != 0, np.arange(tokens.shape[1]), 0).max(1)
        beliefs = [np.tile(prior, (count, 1)) for prior in self.priors(given)]
        position, registers = np.ones(count, np.int64), _Registers(count)
        going = np.arange(count)
        for ways in self.sentences:
            found = np.full(count, -1)
            for choice, way in enumerate(ways):
                one = self._predict(way.slots[0], going, position, padded, beliefs, registers)
                found[going[one.chosen >= 0]] = choice
                yield one._replace(probabilities=one.probabilities / len(ways))
            self._require(going[found[going] < 0], position, ends, padded)
            behind = []
            for choice, way in enumerate(ways):
                rows = np.flatnonzero(found == choice)
                for number, slot in enumerate(way.slots):
                    one = self._predict(slot, rows, position, padded, beliefs, registers)
                    if number:
                        yield one
                    self._require(rows[one.chosen < 0], position, ends, padded)
                    rows, index = rows[one.chosen >= 0], one.chosen[one.chosen >= 0]
                    self._learn(slot, rows, index, beliefs, registers)
                    position[rows] += 1
                behind.append(rows)
            going = np.sort(np.concatenate(behind))
        self._require(going, position, ends, padded)
        last = np.zeros(len(going), np.int64)
        yield Predicted(going, position[going], _END, np.ones((len(going), 1)), last)

    def _predict(
        self,
        slot: Slot,
        rows: Ints,
        position: Ints,
        tokens: Ints,
        beliefs: list[Floats],
        registers: _Registers,
    ) -> Predicted:
        by_value = slot.table[:, registers.of(slot, rows)]  # [L, n, W]
        if slot.latent is None:
            probabilities = by_value[0]
        else:
            belief = beliefs[self._places[slot.latent]][rows]
            probabilities = np.einsum("nl,lnw->nw", belief, by_value)
        index = np.full(len(self.vocabulary), -1)
        index[self.numbers(slot)] = np.arange(len(slot.words))
        here = position[rows]
        return Predicted(rows, here, slot, probabilities, index[tokens[rows, here]])

    def _learn(
        self, slot: Slot, rows: Ints, index: Ints, beliefs: list[Floats], registers: _Registers
    ) -> None:
        if slot.latent is not None:
            belief = beliefs[self._places[slot.latent]]
            joint = belief[rows] * slot.table[:, registers.of(slot, rows), index].T
            total = joint.sum(1, keepdims=True)
            belief[rows] = joint / np.where(total > 0, total, 1)
        registers.write(slot, rows, index)

    def _require(self, rows: Ints, position: Ints, ends: Ints, tokens: Ints) -> None:
        """Refuse words that cannot follow those before them; a story may end anywhere."""
        for row in rows[position[rows] < ends[rows]][:1]:
            here = position[row]
            raise ValueError(
                f"story {row}: {self.vocabulary[tokens[row, here]]!r} cannot follow "
                f"{self.decode(tokens[row, max(0, here - 4) : here])!r} in this grammar"
            )


class _Registers:
    """The words that stories have kept, as numbers of the words of their places."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: dict[str, Ints] = {}

    def of(self, slot: Slot, rows: Ints) -> Ints:
        """Return the row of the slot's table that applies to each story."""
        return np.zeros(len(rows), np.int64) if slot.reads is None else self._kept[slot.reads][rows]

    def write(self, slot: Slot, rows: Ints, index: Ints) -> None:
        """Keep the word of each story, if the slot says so."""
        if slot.writes is not None:
            self._kept.setdefault(slot.writes, np.zeros(self._count, np.int64))[rows] = index


def _check_slot(slot: Slot, sizes: Mapping[str, int], written: Mapping[str, int]) -> None:
    if slot.reads is not None and slot.reads not in written:
        raise ValueError(f"{slot.words[0]}, …: reads {slot.reads!r}, which is not written before")
    rows = 1 if slot.reads is None else written[slot.reads]
    shape = (1 if slot.latent is None else sizes[slot.latent], rows, len(slot.words))
    if slot.table.shape != shape or not np.allclose(slot.table.sum(-1), 1):
        raise ValueError(f"{slot.words[0]}, …: its table is no distribution of shape {shape}")
    if len(set(slot.words)) < len(slot.words):
        raise ValueError(f"{slot.words[0]}, …: a word is there twice")
