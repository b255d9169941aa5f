"""What one number of the residual stream stands for: words near it, and what adding to it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chisel.analysis.interventions import intervene, record
from chisel.analysis.language.sites import site_table
from chisel.analysis.language.vectors import add_at_tokens
from chisel.corpora.stories import Grammar
from chisel.models.language import GPT


def nearest_tokens(embedding: Tensor, direction: Tensor, count: int, without: int) -> list[int]:
    """Return the tokens whose embedding `[V, D]` has the largest cosine with a direction `[D]`.

    Args:
        embedding: A row for each token, from which logits are read.
        direction: The direction.
        count: Number of tokens.
        without: Token that is passed over.
    """
    cosines = nn.functional.cosine_similarity(embedding.double(), direction.double()[None])
    cosines[without] = -torch.inf
    found: list[int] = cosines.topk(count).indices.tolist()
    return found


def words_of_latent(grammar: Grammar, latent: str, value: str) -> set[int]:
    """Return the tokens that stand only, or also, in stories with a latent's value.

    Places where words depend on an earlier word, too, are left out: they tell nothing alone.
    """
    number, found = grammar.latent(latent).values.index(value), set()
    for slot in {slot for ways in grammar.sentences for way in ways for slot in way.slots}:
        if slot.latent == latent and slot.reads is None:
            found |= set(grammar.numbers(slot)[slot.table[number, 0] > 0].tolist())
    return found


_KEY = 6
"""Tells the stories of questions from those of the corpus."""


@dataclass(frozen=True)
class Questions:
    """Beginnings of stories up to the first word that depends on a latent."""

    tokens: Tensor
    """`[N, T]`, filled up to the right."""
    last: Tensor
    """Place of the last word of each `[N]`."""
    options: tuple[int, ...]
    """Tokens that can stand next."""

    def log_odds(self, model: nn.Module, wanted: set[int]) -> NDArray[np.float64]:
        """Return the log-odds of wanted next words over the other possible ones `[N]`."""
        with torch.no_grad():
            logits = model(self.tokens)[torch.arange(len(self.last)), self.last].double()
        mine = [token for token in self.options if token in wanted]
        others = [token for token in self.options if token not in wanted]
        odds = logits[:, mine].logsumexp(1) - logits[:, others].logsumexp(1)
        return np.asarray(odds)

    @classmethod
    def of(cls, grammar: Grammar, latent: str, count: int, seed: int) -> Questions:
        """Draw beginnings of stories."""
        tokens = grammar.sample(count, np.random.default_rng([seed, _KEY])).tokens
        first = np.full(count, tokens.shape[1])
        options: tuple[int, ...] = ()
        for one in grammar.predictions(tokens):
            fresh = len(one.rows) and (first[one.rows] == tokens.shape[1]).all()
            if one.slot.latent == latent and fresh:
                first[one.rows] = one.positions
                options = tuple(map(int, grammar.numbers(one.slot)))
        kept = np.where(np.arange(tokens.shape[1]) < first[:, None], tokens, 0)[:, : first.max()]
        return cls(torch.from_numpy(kept), torch.from_numpy(first - 1), options)


def unit_shifts(
    model: GPT, asked: Questions, wanted: set[int], layer: int, strengths: Sequence[float]
) -> Mapping[float, NDArray[np.float64]]:
    """Return how the mean log-odds move if a constant is added to one number of the stream.

    Args:
        model: The network.
        asked: Where the next word is looked at.
        wanted: Tokens whose odds are taken.
        layer: Block that is entered by the stream.
        strengths: What is added, in mean norms of the stream there, at every token but the first.

    Returns:
        By strength, of each number of the stream `[D]`.
    """
    site, before = site_table(model).stream(layer), asked.log_odds(model, wanted)
    stream = record(model, [site], lambda: asked.log_odds(model, wanted))[site]
    places = torch.arange(stream.shape[1])
    norm = float(stream.norm(dim=-1)[(places > 0) & (places <= asked.last[:, None])].mean())
    units = torch.eye(model.config.width)
    found = {}
    for strength in strengths:
        moved = []
        for unit in units:
            with intervene(model, {site: add_at_tokens(unit, strength * norm)}):
                moved.append(float((asked.log_odds(model, wanted) - before).mean()))
        found[strength] = np.array(moved)
    return found
