"""Compute exact probabilities of stories: of the next word, and the entropy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from chisel.corpora.stories.grammar import Floats, Given, Grammar, Ints, Slot


def surprisals(grammar: Grammar, tokens: Ints, given: Given | None = None) -> Floats:
    """Return −log p(token | tokens before it), in nats.

    Args:
        grammar: The grammar.
        tokens: Whole stories `[N, T]`, beginning with `END`.
        given: Values of latents that are known.

    Returns:
        Surprisals `[N, T]`; 0 for the first token, which is always `END`, and after the end.

    Raises:
        ValueError: If a row is no story of this grammar, or is impossible under `given`.
    """
    probabilities = np.ones(tokens.shape)
    for one in grammar.predictions(tokens, given):
        mine = np.flatnonzero((one.chosen >= 0) & (one.positions < tokens.shape[1]))
        found = one.probabilities[mine, one.chosen[mine]]
        probabilities[one.rows[mine], one.positions[mine]] = found
    if not probabilities.all():
        row, place = np.argwhere(probabilities == 0)[0]
        word = grammar.vocabulary[tokens[row, place]]
        raise ValueError(f"story {row}: {word!r} is impossible behind the words before it")
    return -np.log(probabilities)


def next_words(grammar: Grammar, tokens: Ints, given: Given | None = None) -> Floats:
    """Return the distribution of every next token.

    Args:
        grammar: The grammar.
        tokens: Stories or beginnings of stories `[N, T]`, beginning with `END`.
        given: Values of latents that are known.

    Returns:
        Probabilities `[N, T, V]` of the token after those up to `t`; all 0 after the end of a row.

    Raises:
        ValueError: If a row is no beginning of a story of this grammar.
    """
    found = np.zeros((*tokens.shape, len(grammar.vocabulary)))
    for one in grammar.predictions(tokens, given):
        words = grammar.numbers(one.slot)
        found[one.rows[:, None], one.positions[:, None] - 1, words] += one.probabilities
    return found


def entropy(grammar: Grammar, given: Given | None = None, *, known: bool = False) -> float:
    """Compute the expected −log p of a whole story in nats, exactly.

    Templates are chosen independently of everything else, and latents are independent of each
    other. So the expectation is a sum of three parts: the choice of templates, the places that
    depend on no latent, and for each latent the words that depend on it. Sequences of these words
    are enumerated, and those with equal likelihoods are counted together.

    Args:
        grammar: The grammar.
        given: Values of latents that the stories have.
        known: Whether p is conditioned on these values. If not, the result is the loss of the best
            predictor of all stories on stories with these values.

    Raises:
        ValueError: If two places of a latent read the same word, or if a word that they read is not
            equally likely to be any of its place's words.
    """
    true, assumed = grammar.priors(given), grammar.priors(given if known else None)
    total = 0.0
    for ways in grammar.sentences:
        free = [_free(slot) for one in ways for slot in one.slots if slot.latent is None]
        total += np.log(len(ways)) + sum(free) / len(ways)
    for latent, prior, weights in zip(grammar.latents, assumed, true, strict=True):
        losses: dict[tuple[int, ...], float] = {}
        paths = list(itertools.product(*grammar.sentences))
        for path in paths:
            slots = [one for way in path for one in way.slots if one.latent == latent.name]
            key = tuple(sorted(id(slot.table) for slot in slots))
            if key not in losses:
                _require_even(grammar, slots)
                losses[key] = _evidence(slots, prior, weights)
            total += losses[key] / len(paths)
    return float(total)


def _free(slot: Slot) -> float:
    """Return the entropy of a place that depends on no latent, for any word that it reads."""
    found = -(slot.table[0] * np.log(np.where(slot.table[0] > 0, slot.table[0], 1))).sum(-1)
    if np.ptp(found) > 1e-9:
        raise ValueError(f"{slot.words[0]}, …: its entropy depends on the word that it reads")
    return float(found[0])


def _require_even(grammar: Grammar, slots: Sequence[Slot]) -> None:
    """Check that the words that places of one latent read are independent and equally likely."""
    read = [slot.reads for slot in slots if slot.reads is not None]
    if len(set(read)) < len(read):
        raise ValueError(f"{read[0]}: two places of a latent read it")
    everything = [slot for ways in grammar.sentences for one in ways for slot in one.slots]
    for slot in everything:
        if slot.writes in read and (slot.latent is not None or np.ptp(slot.table) > 1e-12):
            raise ValueError(f"{slot.writes}: some of its words are likelier than others")


def _evidence(slots: Sequence[Slot], prior: Floats, weights: Floats) -> float:
    """Compute the expected −log p of the words of places that depend on one latent.

    Args:
        slots: The places.
        prior: Probabilities of the latent's values `[L]` that p assumes.
        weights: True probabilities of the latent's values `[L]`.
    """
    chances = {(1.0,) * len(prior): 1.0}
    for slot in slots:
        after: dict[tuple[float, ...], float] = {}
        rows = slot.table.shape[1]
        columns, counts = np.unique(
            slot.table.reshape(len(prior), -1).round(14), axis=1, return_counts=True
        )
        for before, number in chances.items():
            for column, count in zip(columns.T, counts, strict=True):
                if column.any():
                    key = tuple((np.array(before) * column).round(14).tolist())
                    after[key] = after.get(key, 0.0) + number * count / rows
        chances = after
    joint, numbers = np.array(list(chances)), np.array(list(chances.values()))
    happens, assumed = joint @ weights, joint @ prior
    with np.errstate(divide="ignore", invalid="ignore"):
        losses = np.where(happens > 0, -happens * np.log(assumed), 0.0)
    return float((numbers * losses).sum())
