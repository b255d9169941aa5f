"""Language models in the lab: two prompts steer, by layer and strength, beside random vectors."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.interventions import intervene, record
from chisel.analysis.language import (
    Gauge,
    Opened,
    Sweep,
    activation_addition,
    add_at_tokens,
    aligned,
    is_trained_here,
    measure_norms,
    site_table,
    stream_of_language_model,
)
from chisel.analysis.steering import random_like
from chisel.configs import ConfigError
from chisel.lab.protocol import Continue, Norms, Pair, Try, frame
from chisel.models.language import FETCHED, LanguageModel, generate

EXAMPLE = "mood"
"""Contrast whose words and prompts the page begins with."""
FIRST = ("Love", "Hate", "I hate you because")
"""The pair and the prompt that the page begins with, where the model knows more than stories."""
TEXTS, LENGTH, PROMPTS = 2, 48, 4
"""Number of unrelated texts that the loss is measured on, of tokens of each, and of prompts that
the page begins with: fewer than in `chisel study lm-steering`, so that a row takes seconds."""
MOST_TOKENS, MOST_CONTROLS = 200, 64


def is_language_model(given: Path | str) -> bool:
    """Return whether a path, or a name, is that of a language model that was not trained here."""
    path = Path(given)
    if str(given) in FETCHED and not path.exists():
        return True
    whole = (path / "config.json").is_file() and not is_trained_here(str(path))
    return path.suffix == ".gguf" or whole


@dataclass(frozen=True, eq=False)
class Speaker:
    """A language model that is offered."""

    name: str
    opened: Opened

    @property
    def lm(self) -> LanguageModel:
        """The model and its tokenizer."""
        return self.opened.lm

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """Return what the page must know, in plain values."""
        table, example = site_table(self.lm.model), self.opened.contrast(EXAMPLE)
        plus, minus, prompt = FIRST
        if self.opened.data is not None:
            plus, minus, prompt = example.wanted[0], example.unwanted[0], example.prompts[0]
        return {
            "name": self.name,
            "digest": self.lm.digest,
            "experiment": "",
            "env_steps": None,
            "world": "language",
            "model": type(self.lm.model).__name__,
            "num_actions": 0,
            "maze": None,
            "sites": [],
            "regions": [],
            "vectors": [],
            "language": {
                "layers": table.layers,
                "width": table.width,
                "plus": plus,
                "minus": minus,
                "prompt": prompt,
                "prompts": list(example.prompts[:PROMPTS]),
                "wanted": list(example.wanted),
                "unwanted": list(example.unwanted),
            },
        }

    def answer(self, asked: Continue | Try | Norms) -> bytes:
        """Answer a request.

        Raises:
            ConfigError: If a number is out of range, the prompts cannot be aligned, or none of the
                words is one token.
        """
        if isinstance(asked, Continue):
            return frame("text", id=asked.id, text=self.goes_on(asked))
        if isinstance(asked, Try):
            return frame("tried", self.tried(asked), id=asked.id)
        return frame("norms", self.norms(asked), id=asked.id)

    def goes_on(self, asked: Continue) -> str:
        """Return what the model goes on with: as it is, steered, or steered at random."""
        if not 1 <= asked.tokens <= MOST_TOKENS:
            raise ConfigError(f"{asked.tokens} tokens: 1 to {MOST_TOKENS} are possible")
        edits = {}
        if asked.vector != "none":
            vector = self._vector(asked.pair, asked.layer)
            if asked.vector == "random":
                (vector,) = self._random(vector, 1, asked.seed)
            site = site_table(self.lm.model).site(_name(asked.layer))
            edits[site] = add_at_tokens(vector, asked.strength)
        with intervene(self.lm.model, edits):
            (found,) = generate(
                self.lm,
                self.lm.tokens([asked.prompt]),
                asked.tokens,
                torch.Generator(),  # the likeliest token is taken, so nothing is drawn
            )
        return self.lm.text(found)

    def tried(self, asked: Try) -> dict[str, NDArray[Any]]:
        """Measure the pair's vector at one layer, by strength, beside random ones of equal norm.

        Returns:
            By strength: `shift`, the mean over prompts of how much the log-odds of the wanted over
            the unwanted words rise; `loss`, how much the loss on unrelated text rises, nats per
            token; `random`, the shifts of random vectors, `[strengths, controls]`.
        """
        if not 1 <= asked.controls <= MOST_CONTROLS:
            raise ConfigError(f"{asked.controls} random vectors: 1 to {MOST_CONTROLS} are possible")
        own = self._vector(asked.pair, asked.layer)
        texts = self.opened.texts(None)[:TEXTS]
        gauge = Gauge(self.lm, asked.prompts, asked.wanted, asked.unwanted, texts, LENGTH)
        sweep = Sweep(gauge, site_table(self.lm.model), skip=len(own))
        before, site = sweep.before(), sweep.table.site(_name(asked.layer))
        tried = [
            sweep.attempt(before, asked.layer, strength, "pair", own)
            for strength in asked.strengths
        ]
        drawn = self._random(own, asked.controls, asked.seed)
        random = [
            [
                gauge.measure({site: add_at_tokens(one, strength)}, capability=False).scores
                for one in drawn
            ]
            for strength in asked.strengths
        ]
        return {
            "shift": np.array([one.shift for one in tried], np.float32),
            "loss": np.array([one.loss_rise for one in tried], np.float32),
            "random": (np.mean(random, 2) - before.scores.mean()).astype(np.float32),
        }

    def norms(self, asked: Norms) -> dict[str, NDArray[Any]]:
        """Measure norms along the stream on the prompt, and of the pair's vector at each block.

        Returns:
            `stream`: mean over tokens before each block and behind the last, `[L + 1]`;
            `attention` and `mlp`: what each block adds, `[L]`; `vector`: mean over its tokens,
            without the first, before each block, `[L]`. NaN where there is no such token.
        """
        lm, table = self.lm, site_table(self.lm.model)
        tokens = lm.tokens([asked.prompt])
        with torch.inference_mode():
            found = measure_norms(
                lm.model,
                stream_of_language_model(table),
                lambda: lm.logits(tokens),
                tokens.positions,
            )
            pair = aligned(lm, asked.pair.plus, asked.pair.minus)
            sites = [table.site(_name(layer)) for layer in range(table.layers)]
            read = record(lm.model, sites, lambda: lm.logits(pair))
        vectors = [read[site][0] - read[site][1] for site in sites]
        return {
            "stream": found.stream[:, 0].float().numpy(),
            "attention": found.added[:, 0, 0].float().numpy(),
            "mlp": found.added[:, 1, 0].float().numpy(),
            "vector": np.array([float(one[1:].norm(dim=1).mean()) for one in vectors], np.float32),
        }

    def _vector(self, pair: Pair, layer: int) -> Tensor:
        """Return the pair's difference before a block, `[tokens, units]`."""
        table = site_table(self.lm.model)
        with torch.inference_mode():
            found = activation_addition(self.lm, table, _name(layer), pair.plus, pair.minus)
        return found.vector

    def _random(self, vector: Tensor, count: int, seed: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return [random_like(vector, generator) for _ in range(count)]


def _name(layer: int) -> str:
    return f"block.{layer}.in"
