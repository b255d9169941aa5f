"""Labels of sequences and of their tokens, for routes of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.configs import ConfigError, LabelsConfig
from chisel.corpora import Sequences
from chisel.trainers.routed.labels import UNKNOWN, EpisodeLabeler

LabelTokens = Literal["all", "concept", "frequency", "words"]


def sequence_labels(
    options: LabelsConfig, sequences: Sequences, generator: np.random.Generator
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return a label for each sequence `[N]`, -1 for none, and the labels' names.

    Faults that the options ask for are drawn once. Without a source there are no labels.
    """
    count = len(sequences)
    if options.source is None:
        return np.full(count, UNKNOWN), ()
    labeler = EpisodeLabeler(options, num_envs=count, generator=generator)
    labeler.note(0, {"episode": dict(sequences.facts), "_episode": np.ones(count, bool)})
    return labeler.column(1, count)[0].numpy(), labeler.names


def token_labels(
    labels: NDArray[np.int64],
    sequences: Sequences,
    kind: LabelTokens,
    num_labels: int,
    words: Sequence[int] = (),
) -> Tensor:
    """Return the labels that routes take.

    Args:
        labels: A label for each sequence `[N]`.
        sequences: The sequences, whose tokens are `[N, T]`.
        kind: Tokens that carry a sequence's label; the others carry label 0.
        num_labels: Number of labels, K.
        words: Tokens that carry the label, for `words`.

    Returns:
        For `all` the labels `[N]`; for `concept` and `words` those of the predicted tokens
        `[N, T - 1]`; for `frequency` their shares of each label `[N, T - 1, K]`. Sequences without
        a label have none.

    Raises:
        ConfigError: If nothing says which tokens belong to a concept.
    """
    if kind == "all":
        return torch.from_numpy(labels)
    predicted = sequences.tokens[:, 1:]
    if kind in ("concept", "words"):
        if kind == "concept" and sequences.concept is None:
            raise ConfigError("algo.label_tokens = concept: this corpus has no concept; use all")
        whole = np.isin(sequences.tokens, words) if kind == "words" else sequences.concept
        mine = np.asarray(whole)[:, 1:]
        found = np.where(mine, labels[:, None], np.minimum(labels[:, None], 0))
        return torch.from_numpy(found)
    shares = np.zeros((*predicted.shape, num_labels), np.float32)
    for label in range(1, num_labels):
        rows = np.flatnonzero(labels == label)
        shares[rows, :, label] = _excess(sequences, labels == label)[predicted[rows]]
    shares[labels >= 0, :, 0] = 1 - shares[labels >= 0, :, 1:].sum(-1)
    return torch.from_numpy(shares)


def _excess(sequences: Sequences, mine: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return for each token by how much it is more frequent in some sequences than in the others.

    It is 1 minus the ratio of the frequencies, and 0 where that ratio is above 1: a word that only
    these sequences have gets 1 (compare Cloud et al. 2024, table 3, whose weights are 1 minus
    this).
    """
    size = int(sequences.tokens.max()) + 1
    inside, outside = (
        np.bincount(sequences.tokens[rows].ravel(), minlength=size) for rows in (mine, ~mine)
    )
    inside[0] = outside[0] = 0  # the filling and the ends, as frequent everywhere
    ratio = (outside / max(outside.sum(), 1)) / np.maximum(inside / max(inside.sum(), 1), 1e-12)
    found: NDArray[np.float32] = np.clip(1 - ratio, 0, 1).astype(np.float32)
    found[0] = 0
    return found
