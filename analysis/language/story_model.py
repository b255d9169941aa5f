"""A network that learnt stories, with norms and sparse autoencoders of the layers to steer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from chisel import models
from chisel.analysis.interventions import Edit, intervene, record
from chisel.analysis.language.concepts import ConceptTarget, carried, concept_pairs
from chisel.analysis.language.sites import site_table
from chisel.analysis.language.sparse_autoencoder import (
    SparseAutoencoder,
    clamp_feature,
    sparse_autoencoder,
)
from chisel.analysis.language.vectors import add_at_tokens
from chisel.configs import ConfigError, StoriesConfig
from chisel.corpora.stories import Grammar, story_generator, tale
from chisel.models import Loaded
from chisel.models.language import GPT

_STORIES = 200
"""Number of stories to which a sparse autoencoder is fitted, and on which carrying is measured."""
_PER_UNIT = 4
"""Number of features of a sparse autoencoder for each unit of the stream."""


class StoryModel:
    """A network and its grammar.

    Args:
        model: The network.
        grammar: The grammar of the stories that it learnt.
        layers: Blocks whose input is steered; None is all but the first.
        seed: Seed of the stories and of the sparse autoencoders.

    Raises:
        ConfigError: If there is no such layer.
    """

    def __init__(
        self, model: GPT, grammar: Grammar, layers: Sequence[int] | None, seed: int
    ) -> None:
        self.model, self.grammar, self.seed = model, grammar, seed
        self._known: dict[str, float] = {}
        table = site_table(model)
        layers = layers or range(min(1, table.layers - 1), table.layers)
        self.sites = {layer: table.site(f"block.{layer}.in") for layer in layers}
        stories = grammar.sample(_STORIES, story_generator(seed, "features"))
        words = torch.from_numpy(stories.tokens[:, :-1] > 0)
        self.norms, self.features = dict[int, float](), dict[int, SparseAutoencoder]()
        for layer, stream in self.streams(torch.from_numpy(stories.tokens)).items():
            values = stream[words]
            self.norms[layer] = float(values.norm(dim=1).mean())
            self.features[layer] = sparse_autoencoder(
                values, seed=seed, features=_PER_UNIT * table.width
            )

    def streams(self, tokens: Tensor) -> dict[int, Tensor]:
        """Return the stream `[N, T - 1, units]` that enters each layer on stories `[N, T]`."""
        found = record(self.model, self.sites.values(), lambda: self.model(tokens[:, :-1]))
        return {layer: found[site] for layer, site in self.sites.items()}

    def addition(self, layer: int, vector: Tensor, strength: float) -> Edit:
        """Return the edit that adds a vector, whose length becomes `strength` mean norms."""
        unit = self.norms[layer] * nn.functional.normalize(vector, dim=0)
        return add_at_tokens(unit, strength)

    def clamping(self, layer: int, feature: int, strength: float) -> Edit:
        """Return the edit that sets a feature of the layer to `strength` mean norms."""
        return clamp_feature(self.features[layer], feature, strength * self.norms[layer])

    def edited(self, layer: int, edit: Edit, tokens: Tensor) -> Tensor:
        """Return the logits `[N, T, V]` for tokens `[N, T]` with the stream edited."""
        with intervene(self.model, {self.sites[layer]: edit}):
            logits: Tensor = self.model(tokens)
        return logits

    def carried(self, latent: str) -> float:
        """Return how much of a latent the network carries (see `carried`); it is measured once."""
        if latent not in self._known:
            draws = story_generator(self.seed, "carried", self.grammar.number(latent))
            some = partial(concept_pairs, self.grammar, latent, count=_STORIES, generator=draws)
            targets = [
                ConceptTarget.of(self.grammar, latent, value, some(value=value)[0])
                for value in self.grammar.latent(latent).values
            ]
            self._known[latent] = carried(targets, self.model)
        return self._known[latent]


def learnt_stories(loaded: Loaded[nn.Module]) -> tuple[GPT, Grammar]:
    """Return a network that learnt stories, without gradients, and their grammar.

    Raises:
        ConfigError: If the network learnt something else, or is no GPT.
    """
    model = models.require_kind(loaded.model, GPT, "gpt").requires_grad_(False)
    corpus = None if loaded.config is None else loaded.config.corpus
    if not isinstance(corpus, StoriesConfig):
        raise ConfigError(f"{loaded} did not learn corpus.name: stories, whose grammar is known")
    return model, tale(corpus.noise)
