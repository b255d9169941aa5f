"""Open language models for studies: real ones, and those that Chisel trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chisel import models
from chisel.analysis.ablation import regions_of
from chisel.configs import CheckpointError, agent_path
from chisel.corpora import Contrast, TokenData, load_contrast, load_data, load_texts
from chisel.models.language import GPT, LanguageModel, load_language_model
from chisel.routing import Region


@dataclass(frozen=True)
class Opened:
    """A language model; if Chisel trained it, also its corpus and regions."""

    lm: LanguageModel
    data: TokenData | None = None
    regions: Mapping[str, Region] = field(default_factory=dict)
    """Regions that it was routed with; empty without routes."""

    def texts(self, file: str | None) -> list[str]:
        """Return the paragraphs of a text file, or of a folder.

        Without a file they are the test part of the model's own corpus, or else the texts of
        `chisel.corpora`.

        Raises:
            ConfigError: If there is no such file, or it holds no text.
        """
        if file is not None or self.data is None:
            return load_texts(file)
        return [self.lm.text(tokens) for tokens in self.data.test.tokens]

    def contrast(self, behaviour: str) -> Contrast:
        """Return contrast pairs.

        Args:
            behaviour: A name that the model's corpus or `chisel.corpora` knows, or a YAML file.

        Raises:
            ConfigError: If there are no such pairs.
        """
        if self.data is None or self.data.contrast is None or Path(behaviour).is_file():
            return load_contrast(behaviour)
        return self.data.contrast(behaviour)


def is_trained_here(path: str) -> bool:
    """Return whether a path leads to a run, a checkpoint or a shipped folder of Chisel."""
    found = agent_path(path)
    parts = ("config.yaml", "checkpoints", "agent.json")
    return found.suffix == ".ckpt" or any((found / name).exists() for name in parts)


def open_language_model(path: str) -> Opened:
    """Load a language model.

    Args:
        path: A model that `load_language_model` takes; or a run on a corpus of tokens, one of its
            checkpoints, or a shipped folder.

    Raises:
        CheckpointError: If there is no language model.
        ConfigError: If the model needs an extra that is not installed.
    """
    if is_trained_here(path):
        return opened_run(path, models.load(path))
    return Opened(load_language_model(path))


def opened_run(path: str, loaded: models.Loaded[Any]) -> Opened:
    """Return a network that Chisel trained as a language model, with its corpus.

    Args:
        path: Path that the network was loaded from, for messages.
        loaded: The network.

    Raises:
        CheckpointError: If the network is no GPT.
        ConfigError: If the regions that it was routed with do not fit it.
    """
    if not isinstance(loaded.model, GPT) or loaded.config is None:
        raise CheckpointError(f"{path} holds a network {type(loaded.model).__name__}, not a GPT")
    data: Any = load_data(loaded.config.corpus)  # of tokens, since a GPT reads no pictures
    model = loaded.model.requires_grad_(False)
    lm = LanguageModel(model, data.tokenizer, loaded.digest, Path(str(loaded)))
    return Opened(lm, data, regions_of(loaded) if loaded.regions else {})
