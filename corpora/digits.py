"""Load data sets of digits in three fixed parts, for training without an environment."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chisel.configs import ConfigError, DigitsConfig, MnistConfig, registry

Part = Literal["train", "validation", "test"]

HALVES = ("low", "high")
"""The two kinds of digits: 0 to 4, and 5 to 9."""

_DIGITS_ORDER, _DIGITS_TRAIN, _DIGITS_VALIDATION = 0, 1197, 200
_UNSIGNED_BYTES = 0x08
_MNIST = ("train", "t10k")
"""Prefixes of the files of training and test pictures."""


@dataclass(frozen=True)
class Examples:
    """Pictures of digits, and their labels."""

    images: NDArray[np.float32]
    """Pictures `[N, H, W]`, from -1 (empty) to 1 (full ink)."""
    digits: NDArray[np.int64]
    """Digit in each picture, `[N]`, 0 to 9."""

    def __len__(self) -> int:
        return len(self.digits)


@dataclass(frozen=True)
class DataSet:
    """Examples in three parts: for training, for tuning, and for reporting results."""

    train: Examples
    validation: Examples
    """Empty if the data set has no such part."""
    test: Examples

    def part(self, name: Part) -> Examples:
        """Return one of the parts by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return parts[name]


def load_data(config: Any) -> DataSet:
    """Load the data set that `config.name` is registered for.

    Raises:
        ConfigError: If the name is unknown or its files are missing or damaged.
    """
    loaded: DataSet = registry.resolve("corpus", config.name)(config)
    return loaded


def half_of(digits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index into `HALVES` of each digit `[N]`."""
    return digits // 5


def load_digits(config: DigitsConfig) -> DataSet:
    """Load `corpus.name: digits`, 1,197 + 200 + 400 pictures of 8×8; registered under that name.

    It is Alpaydin and Kaynak's "Optical recognition of handwritten digits", as scikit-learn ships
    it, divided in a fixed random order. One writer's digits can be in several parts.
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
    """Load `corpus.name: mnist` from four idx files in `config.path`; registered under that name.

    Raises:
        ConfigError: If a file is missing, damaged or doesn't fit the others.
    """
    folder = Path(config.path)
    train, test = (_mnist_part(folder, prefix) for prefix in _MNIST)
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
    images = _read_idx(_find(folder, f"{prefix}-images", "idx3-ubyte"))
    digits = _read_idx(_find(folder, f"{prefix}-labels", "idx1-ubyte"))
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
    """Find a file under one of its usual names: with a dash or a dot, plain or gzipped."""
    names = [f"{stem}{joint}{ending}{zipped}" for joint in "-." for zipped in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    where = "there is no such folder" if not folder.is_dir() else f"has no {names[0]} or {names[1]}"
    raise ConfigError(
        f"corpus.path = {folder}: {where}; set corpus.path=FOLDER to where MNIST's four idx files "
        "are"
    )


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an array of bytes from an idx file; a file that ends in `.gz` is unpacked.

    The header is two zero bytes, the type of the numbers, the number of axes, and the length of
    each axis as a big-endian 32-bit number (LeCun et al., "The MNIST database").

    Raises:
        ConfigError: If the file can't be read, is no idx file of bytes, or has not the length that
            its header gives.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"corpus.path: can't read {path}: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0":
        raise ConfigError(f"corpus.path: {path} is no idx file")
    kind, axes = data[2], data[3]
    if kind != _UNSIGNED_BYTES:
        raise ConfigError(
            f"corpus.path: {path} holds numbers of type 0x{kind:02x}, not bytes (0x08)"
        )
    start = 4 + 4 * axes
    if len(data) < start:
        raise ConfigError(f"corpus.path: {path} ends in its header; is it a whole download?")
    shape = [int(size) for size in np.frombuffer(data[4:start], ">u4")]
    wanted = start + math.prod(shape)
    if len(data) != wanted:
        raise ConfigError(
            f"corpus.path: {path} has {len(data)} bytes, where {wanted} belong to "
            f"{'x'.join(map(str, shape))}; is it a whole download?"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
