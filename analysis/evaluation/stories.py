"""The evaluator of language models on stories: their loss by topic, beside the exact entropy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from chisel.analysis.evaluation.evaluator import (
    AnyLoaded,
    Count,
    Evaluator,
    Metric,
    Player,
    Situation,
)
from chisel.analysis.evaluation.playing import Facts, on_its_device
from chisel.configs import RunConfig, StoriesConfig
from chisel.corpora import Part, Sequences
from chisel.corpora.stories import Grammar, load_stories, next_words, surprisals, tale

_BATCH = 100

Predict = Callable[[torch.Tensor], torch.Tensor]
"""Function from tokens `[B, T]` to logits of each next token `[B, T, V]`."""

Floats = NDArray[np.float64]


def stories_evaluator(config: RunConfig) -> Evaluator:
    """Return the evaluator of language models on the corpus `stories`.

    `loss` is the mean over a story's tokens, in nats per token. `above entropy` is the loss minus
    the grammar's own −log p of the same tokens, so 0 is perfect. `carries MOOD` is the share of
    stories of that mood at whose end a word for this mood is likelier than one for the other mood.
    """
    carried = [
        Metric(f"carries {mood}", (0, 1), "higher", _carried(mood)) for mood in ("happy", "sad")
    ]
    return Evaluator(
        metrics=(
            Metric("loss", None, "lower", form=".4f"),
            Metric("above entropy", None, "lower", of="above", form=".4f"),
            *carried,
        ),
        units="stories",
        group="topic",
        splits=get_args(Part),
        open=_open,
        players=_players,
        irrelevant=("eval.levels", "eval.seed", "eval.greedy"),
        about=lambda loaded, config: {"held_out": config.eval.split != "train"},
        caption="nats per token; above entropy: more than the grammar's own −log p of the same "
        "stories",
    )


def token_losses(predict: Predict, tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> Floats:
    """Compute −log p of each token given those before it, in nats.

    Args:
        predict: The network.
        tokens: Tokens `[N, T]`.
        lengths: Number of tokens of each sequence without padding `[N]`.

    Returns:
        Losses `[N, T]`; 0 for the first token and for padding.
    """
    losses = np.zeros(tokens.shape)
    with torch.no_grad():
        for start in range(0, len(tokens), _BATCH):
            rows = slice(start, start + _BATCH)
            batch = torch.from_numpy(tokens[rows])
            logits = predict(batch[:, :-1]).double().cpu()
            found = nn.functional.cross_entropy(logits.mT, batch[:, 1:], reduction="none")
            losses[rows, 1:] = found.numpy()
    return np.where(np.arange(tokens.shape[1]) < lengths[:, None], losses, 0)


def story_losses(predict: Predict, grammar: Grammar, sequences: Sequences) -> tuple[Floats, Floats]:
    """Return loss and loss above the exact entropy of each story `[N]`, in nats per token."""
    losses = token_losses(predict, sequences.tokens, sequences.lengths)
    above = losses - surprisals(grammar, sequences.tokens)
    predicted = sequences.lengths - 1
    return losses.sum(1) / predicted, above.sum(1) / predicted


def story_metrics(
    model: nn.Module, corpus: StoriesConfig, sequences: Sequences
) -> dict[str, float]:
    """Return the mean loss and loss above the exact entropy, overall and on both kinds of topic.

    Args:
        model: The language model.
        corpus: Options of the stories.
        sequences: Stories with the fact `forget`.
    """
    was_training = model.training
    model.eval()
    loss, above = story_losses(on_its_device(model), tale(corpus.noise), sequences)
    model.train(was_training)
    forget = sequences.facts["forget"]
    found = {"loss": loss.mean(), "above_entropy": above.mean()}
    for name, rows in (("forget", forget), ("retain", ~forget)):
        if rows.any():
            found[f"above_entropy_{name}"] = above[rows].mean()
    return {name: float(value) for name, value in found.items()}


def last_moods(grammar: Grammar, tokens: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find the last word of each story that depends on its mood.

    Returns:
        Position of that word `[N]`, and the words of both moods that can stand there `[2, W]`.
    """
    places = np.zeros(len(tokens), np.int64)
    words: NDArray[Any] = np.zeros((2, 0), np.int64)
    for one in grammar.predictions(tokens):
        if one.slot.latent == "mood" and one.slot.sides is not None:
            places[one.rows] = one.positions
            numbers = grammar.numbers(one.slot)
            words = np.stack([numbers[one.slot.sides == side] for side in (0, 1)])
    return places, words


@dataclass(frozen=True)
class _Readings:
    """The stories of one part of the corpus, which players predict."""

    grammar: Grammar
    sequences: Sequences

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        tokens, predict = self.sequences.tokens, player.policy
        with player.context():
            loss, above = story_losses(predict, self.grammar, self.sequences)
            says_happy = self._says_happy(predict)
        facts = {key: self.sequences.facts[key] for key in ("topic", "mood")}
        return facts | {
            "tokens": self.sequences.lengths - 1,
            "loss": loss,
            "above": above,
            "carried": says_happy == (facts["mood"] == "happy"),
            "story": np.arange(len(tokens)),
        }

    def _says_happy(self, predict: Predict) -> NDArray[np.bool_]:
        """Return whether a happy word is likelier than a sad one at a story's last word of mood."""
        tokens = self.sequences.tokens
        places, words = last_moods(self.grammar, tokens)
        found = []
        with torch.no_grad():
            for start in range(0, len(tokens), _BATCH):
                rows = slice(start, start + _BATCH)
                logits = predict(torch.from_numpy(tokens[rows, :-1]))
                here = logits[torch.arange(len(logits)), torch.from_numpy(places[rows] - 1)]
                sides = torch.stack([here[:, list(side)].logsumexp(-1) for side in words])
                found.append((sides[0] > sides[1]).cpu().numpy())
        return np.concatenate(found)


def _open(
    loaded: AnyLoaded, config: RunConfig, situation: Situation, *, paired: bool
) -> AbstractContextManager[_Readings]:
    part: Any = config.eval.split
    return nullcontext(_Readings(tale(config.corpus.noise), load_stories(config.corpus).part(part)))


def _players(loaded: AnyLoaded, config: RunConfig, situation: Situation) -> Sequence[Player]:
    """Return the network, and the grammar itself, which no network can surpass."""
    grammar = tale(config.corpus.noise)

    def exactly(tokens: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(next_words(grammar, tokens.numpy())).log()

    return [Player("agent", on_its_device(loaded.model)), Player("grammar", exactly)]


def _carried(mood: str) -> Callable[[Facts], NDArray[np.float64]]:
    """Return the function for a metric of whether a mood is carried to the end.

    It is NaN for stories of the other mood.
    """
    return lambda facts: np.where(facts["mood"] == mood, facts["carried"], np.nan)
