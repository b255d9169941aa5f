"""Test steering edits by three gates, on stories whose probabilities are known.

Control: the edit moves the concept further than every random direction of the same length. Fluency:
the loss on words that do not depend on the concept hardly rises. Sign: the edit moves the concept
the wanted way, and its reverse moves it the other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from chisel.analysis.interventions import Edit
from chisel.analysis.language.concepts import ConceptTarget, Nats
from chisel.analysis.language.story_model import StoryModel
from chisel.corpora.stories import words_by_side


class Moved(NamedTuple):
    """The changes by an edit, mean over stories."""

    shift: float
    """Rise of the log-odds of the words for the concept over the words against it, at words that
    depend on the concept, in nats per word."""
    gain: float
    """Decrease of the distance from p* of the predictions of these words, in nats per story."""
    share: float
    """`gain` as a share of the largest possible one: S, as in the study `steering-benchmark`."""
    elsewhere: float
    """Rise of the loss at all other words, which do not depend on the concept, nats per story."""

    @property
    def whole(self) -> float:
        """Decrease of the distance from p* of the predictions of all words, in nats per story."""
        return self.gain - self.elsewhere


class ConceptGauge:
    """Measures the effects of edits of the stream that enters a block, on samples of p*.

    The part of the network before that block runs only once.

    Args:
        network: The network.
        layer: The block.
        target: The samples; the concept is the first of a latent's two values.
    """

    def __init__(self, network: StoryModel, layer: int, target: ConceptTarget) -> None:
        self._model, self._layer, self._target = network.model, layer, target
        self._sides = words_by_side(network.grammar, target.latent)
        self._stream = network.streams(target.texts.tokens)[layer]
        self._odds, self._excess = self._read(self._stream)

    def measure(self, edit: Edit) -> Moved:
        """Measure an edit."""
        odds, excess = self._read(edit(self._stream))
        gain, less = (self._excess - excess).mean(0)
        share = gain / self._excess[:, 0].mean()
        return Moved(float((odds - self._odds).mean()), float(gain), float(share), -float(less))

    def _read(self, stream: Tensor) -> tuple[Tensor, Nats]:
        """Return the log-odds at each word that depends on the concept, and nats above H*."""
        with torch.no_grad():
            logits = self._model.onwards(stream, self._layer)
        about = logits[self._target.texts.about].double()
        wanted, unwanted = (about[:, side].logsumexp(1) for side in self._sides)
        return wanted - unwanted, self._target.excess(lambda _: logits)


@dataclass(frozen=True)
class Gates:
    """Whether an edit passes each gate."""

    control: bool
    fluency: bool
    sign: bool

    @property
    def all(self) -> bool:
        """Whether the edit passes all three."""
        return self.control and self.fluency and self.sign


def gates_of(moved: Moved, reverse: Moved, random: Sequence[float], rise: float) -> Gates:
    """Judge an edit.

    An edit that is no better than a random direction passes the control gate once in 1 + R times.

    Args:
        moved: Changes by the edit.
        reverse: Changes by its reverse.
        random: Shifts of R random directions of the same length.
        rise: Largest rise of the loss at words that do not depend on the concept, nats per story.
    """
    return Gates(
        control=moved.shift > max(random),
        fluency=moved.elsewhere <= rise,
        sign=moved.shift > 0 > reverse.shift,
    )
