"""Load a network with examples for a study of residual streams.

It is a language model with texts, or an agent with states of its world.
A language model has one stream, an Impala network several. `damage` measures the cost of a change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from chisel.analysis.evaluation import judged_by
from chisel.analysis.language.opening import is_trained_here, open_language_model, opened_run
from chisel.analysis.language.sites import site_table
from chisel.analysis.language.streams import (
    Stream,
    stream_of_language_model,
    streams_of_images,
)
from chisel.configs import ConfigError
from chisel.models import Agent, Loaded, as_agent, load
from chisel.models.language import GPT, LanguageModel


@dataclass(frozen=True)
class Subject:
    """A network with examples, in one batch."""

    name: str
    digest: str
    model: nn.Module
    streams: Sequence[Stream]
    examples: int
    """Number of texts, or of states."""
    positions: Tensor | None
    """Positions of the tokens `[N, T]`, -1 for padding; None for images."""
    run: Callable[[], object]
    """Function that runs the network on all examples."""
    damage: Callable[[], Tensor]
    """Function that returns the loss or the KL divergence of each example `[N]`."""
    unit: str
    """Name and unit of `damage`."""

    @property
    def examples_are(self) -> str:
        """Word for the examples in captions."""
        return "states" if self.positions is None else "texts"


def load_subject(
    model: str, *, texts: str | None, count: int | None, length: int, seed: int
) -> Subject:
    """Load a language model with texts, or an agent with states of its world.

    Args:
        model: A model that `open_language_model` or `load_agent` takes.
        texts: For language models, a text file or a folder whose paragraphs are the texts. None
            takes test stories for a model that learnt stories, else texts of `chisel.corpora`.
        count: Number of texts or states; None is 6 texts or 200 states.
        length: Number of tokens of each text.
        seed: Seed of the states, which are from test levels if the world has splits.

    Raises:
        ConfigError: If there are too few texts, or the network has no residual stream.
        CheckpointError: If nothing can be loaded.
    """
    if is_trained_here(model):
        loaded = load(model)
        if not isinstance(loaded.model, GPT):
            if texts is not None:
                raise ConfigError(f"texts={texts} is for language models, and {model} is an agent")
            return _of_agent(as_agent(loaded), model.rstrip("/"), count or 200, seed)
        opened = opened_run(model, loaded)
    else:
        opened = open_language_model(model)
    return _of_language_model(opened.lm, opened.texts(texts), count or 6, length)


def subject_of_run(path: str, loaded: Loaded[Any], *, count: int, length: int) -> Subject:
    """Return a language model that Chisel trained, with test stories of its corpus.

    Args:
        path: Path that the network was loaded from, for messages.
        loaded: The network.
        count: Number of stories.
        length: Number of tokens of each.

    Raises:
        ConfigError: If there are too few stories.
        CheckpointError: If the network is no GPT.
    """
    opened = opened_run(path, loaded)
    return _of_language_model(opened.lm, opened.texts(None), count, length)


def _of_language_model(lm: LanguageModel, texts: Sequence[str], count: int, length: int) -> Subject:
    long_enough = (text for text in texts if len(lm.begin) + len(lm.ids(text)) >= length)
    whole = list(islice(long_enough, count))
    if len(whole) < count:
        raise ConfigError(
            f"count={count}: {len(whole)} of the texts have {length} tokens; give more, or smaller "
            "count= or length="
        )
    tokens = lm.tokens(whole, most=length)

    def damage() -> Tensor:
        with torch.inference_mode():
            predicted = lm.logits(tokens)[:, :-1].log_softmax(2)
        return -predicted.gather(2, tokens.ids[:, 1:, None]).mean((1, 2))

    return Subject(
        lm.name,
        lm.digest,
        lm.model,
        [stream_of_language_model(site_table(lm.model))],
        count,
        tokens.positions,
        lambda: lm.logits(tokens),
        damage,
        "loss, nats per token",
    )


def _of_agent(agent: Agent, name: str, count: int, seed: int) -> Subject:
    evaluator, config = judged_by(agent)
    obs = evaluator.sample(agent, config, [1, 1, count], seed).obs[-count:]
    with torch.inference_mode():
        own = agent.policy(obs).log_softmax(1)

    def damage() -> Tensor:
        with torch.inference_mode():
            now = agent.policy(obs).log_softmax(1)
        return (own.exp() * (own - now)).sum(1)

    return Subject(
        name,
        agent.digest,
        agent.model,
        streams_of_images(agent.model),
        len(obs),
        None,
        lambda: agent.outputs(obs),
        damage,
        "KL from its own policy, nats",
    )
