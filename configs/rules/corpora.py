"""Rules for runs that learn from a corpus instead of an environment."""

from __future__ import annotations

from collections.abc import Iterator

from chisel.configs.registry import names
from chisel.configs.schema import AutoencoderConfig, AutoencoderNetConfig, RunConfig

_FOR_A_CORPUS = {"model": AutoencoderNetConfig, "algo": AutoencoderConfig}
"""The network and the algorithm that learn from a corpus, and from nothing else."""


def source_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every broken rule about what a run learns from."""
    if config.env is None and config.corpus is None:
        yield (
            f"env is missing; set env.name, one of {', '.join(names('env'))}, or corpus.name to "
            f"learn from a corpus, one of {', '.join(names('corpus'))}"
        )
    if config.env is not None and config.corpus is not None:
        yield "corpus: a run has either an environment or a corpus; leave out env or corpus"
    for key, schema in _FOR_A_CORPUS.items():
        part = getattr(config, key)
        if part is None or isinstance(part, schema) == (config.corpus is not None):
            continue
        if config.corpus is None:
            known = ", ".join(names("corpus"))
            yield f"{key}.name = {part.name}: needs corpus.name, one of {known}, and no env"
        else:
            yield f"{key}.name = {part.name}: learns from no corpus; set {key}.name=autoencoder"


def corpus_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every broken rule about a run on a corpus."""
    if config.corpus is not None and config.trainer.devices * config.trainer.num_nodes > 1:
        yield (
            f"trainer.devices = {config.trainer.devices}: a corpus is learnt from in one process; "
            "leave it 1"
        )
