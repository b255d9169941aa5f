"""Label the examples of a corpus, and the tokens of sequences, for routing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.configs import ConfigError, LabelsConfig
from chisel.corpora import Sequences
from chisel.trainers.routed.labels import UNKNOWN, EpisodeLabeler

LabelTokens = Literal["all", "concept", "frequency", "words"]


def example_labels(
    options: LabelsConfig,
    facts: Mapping[str, NDArray[Any]],
    count: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return a label for each example of a corpus, and the labels' names.

    Args:
        options: Source and imperfections, which are drawn once; without a source there are no
            labels.
        facts: What is known of the examples, `[N]` by name.
        count: Number of examples, N.
        generator: Generator of the imperfections.

    Returns:
        Labels `[N]`, -1 for none, and names.
    """
    if options.source is None:
        return np.full(count, UNKNOWN), ()
    labeler = EpisodeLabeler(options, num_envs=count, generator=generator)
    labeler.note(0, {"episode": dict(facts), "_episode": np.ones(count, bool)})
    return labeler.column(1, count)[0].numpy(), labeler.names


def token_labels(
    labels: NDArray[np.int64],
    sequences: Sequences,
    kind: LabelTokens,
    num_labels: int,
    words: Sequence[int] = (),
) -> Tensor:
    """Return the labels that routing uses.

    Args:
        labels: Label of each sequence, `[N]`.
        sequences: The sequences, with tokens `[N, T]`.
        kind: Tokens that carry a sequence's label; other tokens carry label 0.
        num_labels: Number of labels, K.
        words: Tokens that carry the label, for the kind `words`.

    Returns:
        For `all`, labels of sequences `[N]`. For `concept` and `words`, labels of predicted tokens
        `[N, T - 1]`. For `frequency`, soft labels of predicted tokens `[N, T - 1, K]`. Sequences
        without a label stay unlabelled.

    Raises:
        ConfigError: If `kind` is `concept` and the corpus does not say which tokens belong to one.
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
    """Return, for each token, how much more frequent it is in some sequences than in the others.

    It is 1 minus the ratio of the frequencies, but at least 0. A word that only these sequences
    have gets 1 (compare Cloud et al. 2024, table 3, whose weights are 1 minus this).
    """
    size = int(sequences.tokens.max()) + 1
    inside, outside = (
        np.bincount(sequences.tokens[rows].ravel(), minlength=size) for rows in (mine, ~mine)
    )
    inside[0] = outside[0] = 0  # padding and ends of texts, which are equally frequent everywhere
    ratio = (outside / max(outside.sum(), 1)) / np.maximum(inside / max(inside.sum(), 1), 1e-12)
    found: NDArray[np.float32] = np.clip(1 - ratio, 0, 1).astype(np.float32)
    found[0] = 0
    return found
