"""Three gates that a steering edit must pass, decided on stories whose probabilities are known.

Control: it moves the concept further than every random direction of the same length does. Fluency:
the loss on words that do not depend on the concept hardly rises. Sign: it moves the concept the
wanted way, and its reverse moves it the other way.
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
    """What an edit changes, mean over stories."""

    shift: float
    """Rise of the log-odds of the words for the concept over the words against it, where a word
    depends on the concept, in nats per word."""
    gain: float
    """How much nearer to p* the predictions of these words are, in nats per story."""
    share: float
    """The same as a share of what there is to gain: S, as in the study `steering-benchmark`."""
    elsewhere: float
    """Rise of the loss at all other words, where the concept must not matter, nats per story."""

    @property
    def whole(self) -> float:
        """How much nearer to p* the predictions of all words are, in nats per story."""
        return self.gain - self.elsewhere


class ConceptGauge:
    """Measures what edits of the stream that enters a block do to some samples of p*.

    The network up to that block runs once.

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
    """Which gates an edit passes."""

    control: bool
    fluency: bool
    sign: bool

    @property
    def all(self) -> bool:
        """Whether it passes all three."""
        return self.control and self.fluency and self.sign


def gates_of(moved: Moved, reverse: Moved, random: Sequence[float], rise: float) -> Gates:
    """Judge an edit.

    An edit that is as good as a random direction passes the control gate once in 1 + R times.

    Args:
        moved: What it does.
        reverse: What its reverse does.
        random: Shifts of R random directions of the same length.
        rise: Largest rise of the loss at words that do not depend on the concept, nats per story.
    """
    return Gates(
        control=moved.shift > max(random),
        fluency=moved.elsewhere <= rise,
        sign=moved.shift > 0 > reverse.shift,
    )
