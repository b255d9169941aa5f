"""Random draws of stories for each purpose, which depend on a seed and the purpose's key."""

from __future__ import annotations

from typing import Literal

import numpy as np

Purpose = Literal[
    "train",
    "validation",
    "test",
    "features",
    "benchmark",
    "carried",
    "contrast",
    "gates",
    "questions",
    "pairs",
    "routing",
    "many pairs",
]

_KEYS: dict[Purpose, int] = {
    # The parts of a corpus.
    "train": 0,
    "validation": 1,
    "test": 2,
    # Stories for a network that learnt the corpus.
    "features": 1,
    "benchmark": 2,
    "carried": 3,
    "contrast": 5,
    "gates": 5,
    "questions": 6,
    "pairs": 6,
    "routing": 7,
    "many pairs": 7,
}
"""Second part of the seed. Where two purposes have the same one, no study draws for both. Another
number would change recorded results."""


def story_generator(seed: int, purpose: Purpose, *more: int) -> np.random.Generator:
    """Return the generator of the stories for one purpose.

    Args:
        seed: Seed of the corpus or of the study.
        purpose: What the stories are for. Only `train` draws those of a corpus's training part.
        more: Further parts of the seed, such as the number of a draw.
    """
    return np.random.default_rng([seed, _KEYS[purpose], *more])
