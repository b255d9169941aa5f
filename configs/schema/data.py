"""Options of the data sets, for experiments that learn from examples and play nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DigitsConfig:
    """scikit-learn's handwritten digits: 1,797 pictures of 8×8."""

    name: str = "digits"


@dataclass(frozen=True)
class MnistConfig:
    """MNIST: 60,000 + 10,000 pictures of 28×28, from files that you have."""

    name: str = "mnist"
    path: str = "mnist"
    """Folder with the four idx files, plain or gzipped."""
    validation: int = 0
    """How many of the training pictures, the last ones, are kept out for validation."""
