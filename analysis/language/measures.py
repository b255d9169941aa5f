"""Measure the effect of steering on a behaviour's words, and its cost on unrelated text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.interventions import Edit, intervene
from chisel.configs import ConfigError
from chisel.models.language import LanguageModel, Tokens
from chisel.routing import Site


@dataclass(frozen=True)
class Measured:
    """Measurements of a behaviour, and of capability on unrelated text, under one intervention."""

    scores: NDArray[np.float64]
    """Log-odds of the wanted over the unwanted words as the next one, by prompt."""
    share: float
    """Total probability of all these words, mean over prompts."""
    loss: float
    """Cross-entropy on unrelated text, nats per token."""
    kl: float
    """KL divergence from predictions without intervention to those with it, nats per token."""


class Gauge:
    """Measures a behaviour and capability under interventions.

    The first measurement must be of the unchanged model, since KL is from its predictions.

    Args:
        lm: The model.
        prompts: Beginnings of texts whose next word is scored.
        wanted: Words that the behaviour makes more likely. Those of several tokens are left out;
            `left_out` lists them.
        unwanted: Words that it makes less likely.
        texts: Unrelated texts.
        length: Number of tokens after which unrelated texts are cut off.

    Raises:
        ConfigError: If none of the words is one token, or a text has no token to predict.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prompts: Sequence[str],
        wanted: Sequence[str],
        unwanted: Sequence[str],
        texts: Sequence[str],
        length: int,
    ) -> None:
        self._lm, self._prompts, self._length = lm, prompts, length
        self.left_out = [word for word in (*wanted, *unwanted) if len(lm.ids(f" {word}")) != 1]
        self._wanted, self._unwanted = self._ids(wanted), self._ids(unwanted)
        self._texts = [lm.ids(text)[: length - len(lm.begin)] for text in texts]
        if min(map(len, self._texts)) < 2:
            raise ConfigError("an unrelated text is shorter than two tokens")
        self._before: tuple[Tensor, Tensor] | None = None

    def _ids(self, words: Sequence[str]) -> list[int]:
        found = [self._lm.ids(f" {word}")[0] for word in words if word not in self.left_out]
        if not found:
            raise ConfigError(f"none of {', '.join(words)} is a single token of {self._lm.source}")
        return found

    def measure(
        self,
        edits: Mapping[Site, Edit] | None = None,
        *,
        prefix: str = "",
        skip: int = 0,
        capability: bool = True,
    ) -> Measured:
        """Measure under an intervention.

        Args:
            edits: Edits by site; None for the unchanged model.
            prefix: Text before every prompt and unrelated text; its tokens are not scored.
            skip: Number of first positions that are left out of capability, because the
                intervention acts there.
            capability: Whether capability is measured; otherwise loss and KL are NaN.
        """
        lm, lead = self._lm, self._lm.begin + (self._lm.ids(prefix) if prefix else [])
        between = " " if prefix else ""
        prompts = Tokens.of([lead + lm.ids(between + one) for one in self._prompts], 0)
        with torch.inference_mode(), intervene(lm.model, edits or {}):
            logits = lm.logits(prompts)[torch.arange(len(prompts)), prompts.last]
            costs = self._costs(lead, skip) if capability else (math.nan, math.nan)
        return Measured(*self._words(logits.double()), *costs)

    def _costs(self, lead: Sequence[int], skip: int) -> tuple[float, float]:
        """Return the loss on unrelated text, and the KL from the first call's predictions."""
        texts = Tokens.of([[*lead, *one] for one in self._texts], 0)
        predicted = self._lm.logits(texts)[:, :-1].log_softmax(2)
        known = texts.mask[:, 1:].clone()
        known[:, : len(lead) - bool(self._lm.begin)] = False
        rows = known & (texts.positions[:, :-1] >= skip)
        nll = -predicted.gather(2, texts.ids[:, 1:, None])[..., 0]
        if self._before is None:
            self._before = predicted, known
        before, was_known = self._before
        # The same tokens are predicted with and without a prefix, so predictions can be compared.
        kl = self._kl(before[was_known], predicted[known])[rows[known]]
        return float(nll[rows].mean()), float(kl.mean())

    def _words(self, logits: Tensor) -> tuple[NDArray[np.float64], float]:
        log_p = logits.log_softmax(1)
        wanted = log_p[:, self._wanted].logsumexp(1)
        unwanted = log_p[:, self._unwanted].logsumexp(1)
        return (wanted - unwanted).numpy(), float((wanted.exp() + unwanted.exp()).mean())

    @staticmethod
    def _kl(before: Tensor, after: Tensor) -> Tensor:
        return (before.exp() * (before - after)).sum(1)
