"""Steer language models in the lab by a pair of prompts, and ablate regions, beside controls."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel import routing
from chisel.analysis.ablation import require_regions
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
from chisel.analysis.results import as_config_errors
from chisel.analysis.steering import random_like
from chisel.configs import ConfigError
from chisel.lab.protocol import Continue, Norms, Pair, Try, frame
from chisel.models.language import FETCHED, LanguageModel, generate

EXAMPLE = "mood"
"""Contrast with whose words and prompts the page begins."""
FIRST = ("Love", "Hate", "I hate you because")
"""Pair of prompts, and prompt to continue, with which the page begins if the model knows more than
stories."""
TEXTS, LENGTH, PROMPTS = 2, 48, 4
"""Number of unrelated texts on which the loss is measured, their length in tokens, and number of
prompts with which the page begins. They are smaller than in `chisel study lm-steering`, so that a
row takes seconds."""
MOST_TOKENS, MOST_CONTROLS = 200, 64


def is_language_model(given: Path | str) -> bool:
    """Return whether a path or a name is that of a language model that Chisel did not train."""
    path = Path(given)
    if str(given) in FETCHED and not path.exists():
        return True
    whole = (path / "config.json").is_file() and not is_trained_here(str(path))
    return path.suffix == ".gguf" or whole


@dataclass(frozen=True, eq=False)
class Speaker:
    """A loaded language model, with its name in the lab."""

    name: str
    opened: Opened

    @property
    def lm(self) -> LanguageModel:
        """The model and its tokenizer."""
        return self.opened.lm

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """Return the facts about the model that the page needs, in plain values."""
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
                "regions": list(self.opened.regions),
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
        """Return the model's continuation of a prompt, after ablating a region and steering.

        Raises:
            ConfigError: If a number is out of range, the prompts cannot be aligned, or there is no
                such region, or no units to ablate instead.
        """
        if not 1 <= asked.tokens <= MOST_TOKENS:
            raise ConfigError(f"{asked.tokens} tokens: 1 to {MOST_TOKENS} are possible")
        edits = {}
        if asked.vector != "none":
            vector = self._vector(asked.pair, asked.layer)
            if asked.vector == "random":
                (vector,) = self._random(vector, 1, asked.seed)
            site = site_table(self.lm.model).site(_name(asked.layer))
            edits[site] = add_at_tokens(vector, asked.strength)
        regions = self._ablated(asked)
        ablated = routing.ablate(self.lm.model, regions, dict.fromkeys(regions, "zero"))
        with ablated, intervene(self.lm.model, edits):
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
            Arrays over strengths: `shift`, the rise of the log-odds of the wanted over the unwanted
            words, mean over prompts; `loss`, the rise of the loss on unrelated text in nats per
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
            `stream`: norm before each block and after the last, mean over tokens, `[L + 1]`;
            `attention` and `mlp`: norms of the outputs that each block adds, `[L]`; `vector`: norm
            of the pair's vector before each block, mean over its tokens but the first, `[L]`. NaN
            if there is no such token.
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

    def _ablated(self, asked: Continue) -> dict[str, routing.Region]:
        """Return the region that is ablated, or random units in its place, by its name."""
        regions, name = self.opened.regions, asked.region
        if not name:
            return {}
        require_regions([name], regions)
        if not asked.control:
            return {name: regions[name]}
        generator = torch.Generator().manual_seed(asked.seed)
        with as_config_errors(routing.RoutingError):
            drawn = routing.random_like(regions, name, self.lm.model, generator)
        return {drawn.name: drawn}

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
