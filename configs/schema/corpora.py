"""Options of the corpora: examples to learn from, for experiments without an environment."""

from __future__ import annotations

from dataclasses import dataclass


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
