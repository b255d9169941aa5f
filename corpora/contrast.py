"""Read contrast pairs from YAML files; some of these files are part of this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from chisel.configs import ConfigError, hint

_OURS = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Contrast:
    """A behaviour: pairs of texts with and without it, and words to measure it by."""

    name: str
    about: str
    """One sentence that describes the behaviour."""
    asks: str
    """A prompt that asks for the behaviour in words."""
    wanted: tuple[str, ...]
    """Words that the behaviour makes more likely as the next word."""
    unwanted: tuple[str, ...]
    """Words that the behaviour makes less likely as the next word."""
    prompts: tuple[str, ...]
    """Beginnings of texts, none of them in a pair, whose next word is scored."""
    pairs: tuple[tuple[str, str, str], ...]
    """Common beginning of both texts, ending with the behaviour, and ending without it."""

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """Return the texts with the behaviour, and in the same order those without it."""
        return [f"{a} {b}" for a, b, _ in self.pairs], [f"{a} {c}" for a, _, c in self.pairs]


def contrasts() -> list[str]:
    """Return the names of the behaviours that are part of this package."""
    return sorted(file.stem for file in _OURS.glob("*.yaml"))


def load_contrast(name: str) -> Contrast:
    """Read contrast pairs.

    Args:
        name: A name from `contrasts`, or the path of a YAML file with the keys of `Contrast`.

    Raises:
        ConfigError: If there is no such file, or a key is missing or wrong.
    """
    file = _OURS / f"{name}.yaml" if name in contrasts() else Path(name)
    if not file.is_file():
        raise ConfigError(f"{name} is no file of contrast pairs; {hint(name, contrasts())}")
    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
    wanted = [field.name for field in fields(Contrast) if field.name != "name"]
    if not isinstance(read, dict) or sorted(read) != sorted(wanted):
        raise ConfigError(f"{file} must have the keys {', '.join(wanted)}, and no others")
    words = {key: _texts(file, key, read[key]) for key in ("wanted", "unwanted", "prompts")}
    pairs = read["pairs"] if isinstance(read["pairs"], list) else []
    for number, pair in enumerate(pairs):
        if len(_texts(file, f"pair {number}", pair)) != 3:
            raise ConfigError(
                f"{file}: pair {number} must be [what both begin with, ending with, ending without]"
            )
    if not pairs:
        raise ConfigError(f"{file}: pairs is empty")
    return Contrast(
        file.stem, str(read["about"]), str(read["asks"]), pairs=tuple(map(tuple, pairs)), **words
    )


def _texts(file: Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ConfigError(f"{file}: {key} must be a list of texts")
    if not all(isinstance(one, str) and one.strip() for one in value):
        raise ConfigError(f"{file}: {key} holds what is no text; put it in quotes")
    return tuple(value)
