"""Options of the corpora, from which experiments without an environment learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DigitsConfig:
    """scikit-learn's handwritten digits: 1,797 pictures of 8×8 pixels."""

    name: str = "digits"


@dataclass(frozen=True)
class MnistConfig:
    """MNIST's 60,000 + 10,000 pictures of 28×28 pixels, read from files on your disk."""

    name: str = "mnist"
    path: str = "mnist"
    """Folder that holds MNIST's four idx files, plain or gzipped."""
    validation: int = 0
    """Number of pictures at the end of the training set that are kept for validation."""


@dataclass(frozen=True)
class StoriesConfig:
    """Stories from a grammar whose probabilities are known exactly; each sequence is one story."""

    name: str = "stories"
    stories: int = 20_000
    """Number of stories to train on."""
    validation: int = 200
    """Number of stories for validation."""
    test: int = 1_000
    """Number of stories for reported results."""
    seed: int = 0
    """Seed of all stories, and of wrong labels."""
    noise: float = 0.1
    """Probability that a word expresses another mood, weather, pace or sound than its story's, or
    that a tool is used for another purpose."""
    forget: Literal["forest", "sea", "farm", "town", "mountain"] = "forest"
    """Topic whose stories get the label `forget`; all others get `retain`."""
    recall: float = 1.0
    """Share of this topic's stories that are labelled `forget`."""
    precision: float = 1.0
    """Share of the stories labelled `forget` that have this topic."""
