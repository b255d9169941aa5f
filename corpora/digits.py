"""Data sets: pictures of digits in three fixed parts, for what learns without an environment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chisel.configs import ConfigError, DigitsConfig, MnistConfig, registry
from chisel.corpora.idx import read_idx

Part = Literal["train", "validation", "test"]

HALVES = ("low", "high")
"""The two kinds of digits: 0 to 4, and 5 to 9."""

_DIGITS_ORDER, _DIGITS_TRAIN, _DIGITS_VALIDATION = 0, 1197, 200
_MNIST = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Examples:
    """Pictures and what they show."""

    images: NDArray[np.float32]
    """`[N, H, W]`, from -1 (empty) to 1 (full ink)."""
    digits: NDArray[np.int64]
    """`[N]`, 0 to 9."""

    def __len__(self) -> int:
        return len(self.digits)


@dataclass(frozen=True)
class DataSet:
    """Examples in three parts: to learn from, to tune on, and to report on."""

    train: Examples
    validation: Examples
    """Empty where the data set was made without."""
    test: Examples

    def part(self, name: Part) -> Examples:
        """One of the parts by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return parts[name]


def load_data(config: Any) -> DataSet:
    """The data set that `config.name` is registered for.

    Raises:
        ConfigError: If the name is unknown or its files are missing or damaged.
    """
    loaded: DataSet = registry.resolve("corpus", config.name)(config)
    return loaded


def half_of(digits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index into `HALVES` of each digit `[N]`."""
    return digits // 5


def load_digits(config: DigitsConfig) -> DataSet:
    """The registered loader of `corpus.name: digits`: 1,197 + 200 + 400 pictures of 8×8.

    Alpaydin and Kaynak's "Optical recognition of handwritten digits", as scikit-learn ships it,
    dealt into the parts in an order that never changes. Writers are not kept apart.
    """
    from sklearn import datasets  # slow to import, and nothing else needs it

    loaded = datasets.load_digits()
    order = np.random.default_rng(_DIGITS_ORDER).permutation(len(loaded.target))
    images = (loaded.images[order] / 8 - 1).astype(np.float32)  # ink is 0 to 16
    digits = loaded.target[order].astype(np.int64)
    ends = (0, _DIGITS_TRAIN, _DIGITS_TRAIN + _DIGITS_VALIDATION, len(digits))
    parts = [slice(*pair) for pair in pairwise(ends)]
    return DataSet(*(Examples(images[part], digits[part]) for part in parts))


def load_mnist(config: MnistConfig) -> DataSet:
    """The registered loader of `corpus.name: mnist`: four idx files in the folder `config.path`.

    Raises:
        ConfigError: If a file is missing, damaged or doesn't fit the others.
    """
    folder = Path(config.path)
    train, test = (_mnist_part(folder, prefix) for prefix in _MNIST.values())
    if test.images.shape[1:] != train.images.shape[1:]:
        raise ConfigError(f"corpus.path = {folder}: training and test pictures differ in size")
    kept = len(train) - config.validation
    if kept < 1:
        raise ConfigError(
            f"corpus.validation = {config.validation}: there are only {len(train)} training "
            "pictures"
        )
    return DataSet(
        Examples(train.images[:kept], train.digits[:kept]),
        Examples(train.images[kept:], train.digits[kept:]),
        test,
    )


def _mnist_part(folder: Path, prefix: str) -> Examples:
    images = read_idx(_find(folder, f"{prefix}-images", "idx3-ubyte"))
    digits = read_idx(_find(folder, f"{prefix}-labels", "idx1-ubyte"))
    if images.ndim != 3 or digits.ndim != 1 or len(images) != len(digits) or not len(digits):
        raise ConfigError(
            f"corpus.path = {folder}: {prefix} has images {list(images.shape)} and labels "
            f"{list(digits.shape)}; there must be one label for each image [N, H, W]"
        )
    if digits.max() > 9:
        raise ConfigError(
            f"corpus.path = {folder}: {prefix} has a label {digits.max()}; 0 to 9 only"
        )
    scaled = (images.astype(np.float32) / 255 - 0.5) / 0.5  # the paper's normalisation
    return Examples(scaled, digits.astype(np.int64))


def _find(folder: Path, stem: str, ending: str) -> Path:
    """A file by the names it goes by: with a dash or a dot, plain or gzipped."""
    names = [f"{stem}{joint}{ending}{zipped}" for joint in "-." for zipped in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    where = "there is no such folder" if not folder.is_dir() else f"has no {names[0]} or {names[1]}"
    raise ConfigError(
        f"corpus.path = {folder}: {where}; set corpus.path=FOLDER to where MNIST's four idx files "
        "are"
    )
