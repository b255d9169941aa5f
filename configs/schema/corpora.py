"""Options of the corpora: examples to learn from, for experiments without an environment."""

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
    """Number of training pictures, the last ones, that are kept for validation."""


@dataclass(frozen=True)
class StoriesConfig:
    """Stories from a grammar whose probabilities are known exactly, one story in each sequence."""

    name: str = "stories"
    stories: int = 20_000
    """Number of stories to train on."""
    validation: int = 200
    """Number of stories for validation."""
    test: int = 1_000
    """Number of stories for reports."""
    seed: int = 0
    """Seed of all stories, and of the labels' faults."""
    noise: float = 0.1
    """Probability that a word speaks for another mood, weather, pace or sound than its story's, and
    that a tool is used for something else."""
    forget: Literal["forest", "sea", "farm", "town", "mountain"] = "forest"
    """Topic that the label `forget` is about."""
    recall: float = 1.0
    """Share of the stories of this topic that are labelled `forget`."""
    precision: float = 1.0
    """Share of the stories labelled `forget` that are of this topic."""
