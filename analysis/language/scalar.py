"""Examine one unit of the residual stream: its nearest words, and the effect of adding to it."""

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
from chisel.corpora.stories import Grammar, story_generator
from chisel.models.language import GPT


def nearest_tokens(embedding: Tensor, direction: Tensor, count: int, without: int) -> list[int]:
    """Return the tokens whose embedding `[V, D]` has the largest cosine with a direction `[D]`.

    Args:
        embedding: Matrix of the logits, with a row for each token.
        direction: The direction.
        count: Number of tokens.
        without: Token that is left out.
    """
    cosines = nn.functional.cosine_similarity(embedding.double(), direction.double()[None])
    cosines[without] = -torch.inf
    found: list[int] = cosines.topk(count).indices.tolist()
    return found


def words_of_latent(grammar: Grammar, latent: str, value: str) -> set[int]:
    """Return the tokens that can stand in stories with a latent's value.

    Places where words also depend on an earlier word are left out, since such words alone show
    nothing.
    """
    number, found = grammar.latent(latent).values.index(value), set()
    for slot in {slot for ways in grammar.sentences for way in ways for slot in way.slots}:
        if slot.latent == latent and slot.reads is None:
            found |= set(grammar.numbers(slot)[slot.table[number, 0] > 0].tolist())
    return found


@dataclass(frozen=True)
class Questions:
    """Beginnings of stories up to the first word that depends on a latent."""

    tokens: Tensor
    """Tokens `[N, T]`, padded on the right."""
    last: Tensor
    """Position of the last word of each beginning `[N]`."""
    options: tuple[int, ...]
    """Tokens that can come next."""

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
        tokens = grammar.sample(count, story_generator(seed, "questions")).tokens
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
    """Return the changes of the mean log-odds if a constant is added to one unit of the stream.

    Args:
        model: The network.
        asked: Beginnings whose next word is scored.
        wanted: Tokens whose log-odds are taken.
        layer: Block that the stream enters.
        strengths: Constants, in mean norms of the stream there. They are added at every token but
            the first.

    Returns:
        Change for each unit of the stream `[D]`, by strength.
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
