"""Rules about what a run learns from: an environment, or a corpus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from chisel.configs.registry import Source, get, names
from chisel.configs.schema import RunConfig

_FOUND_IN: dict[Source, tuple[str, Literal["env", "corpus"]]] = {
    "world": ("a world", "env"),
    "examples": ("examples", "corpus"),
    "tokens": ("tokens", "corpus"),
}
"""For each source: its name in messages, and the part of a config that provides it."""

_LEARNING: tuple[Literal["model"], Literal["algo"]] = ("model", "algo")


def source_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every part that is missing, or that learns from a missing part."""
    if config.env is None and config.corpus is None:
        yield (
            f"env is missing; set env.name, one of {', '.join(names('env'))}, or corpus.name to "
            f"learn from a corpus, one of {', '.join(names('corpus'))}"
        )
    if config.env is not None and config.corpus is not None:
        yield "corpus: a run has either an environment or a corpus; leave out env or corpus"
    for kind in _LEARNING:
        part = getattr(config, kind)
        if part is None:
            yield f"{kind} is missing; set {kind}.name, one of {', '.join(names(kind))}"
            continue
        words, wanted = _FOUND_IN[get(kind, part.name).learns_from]
        if getattr(config, wanted) is None:
            other = "corpus" if wanted == "env" else "env"
            yield (
                f"{kind}.name = {part.name}: learns from {words}; set {wanted}.name, one of "
                f"{', '.join(names(wanted))}, and no {other}"
            )


def corpus_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every broken rule about a run on a corpus."""
    if config.corpus is not None and config.trainer.processes > 1:
        yield (
            f"trainer.devices = {config.trainer.devices}: a corpus is learnt in one process; leave "
            "it 1"
        )
