"""What must hold where a run learns from a data set instead of an environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chisel.configs.registry import names
from chisel.configs.schema import AutoencoderConfig, AutoencoderNetConfig, RunConfig
from chisel.configs.suggest import shown

_FOR_ENVIRONMENTS = (
    "env_seed",
    "eval.levels",
    "eval.seed",
    "eval.num_envs",
    "tracking.video_every",
    "tracking.field_every",
    "tracking.studies",
    "tracking.studies_every",
    "tracking.studies_levels",
    "routing.terms",
    "routing.unlabelled_steps",
    "routing.gate_coef",
    "routing.alone_coef",
    "routing.l1",
    "routing.drop",
    "routing.dropped_steps",
    "routing.drop_start",
    "routing.labels.correlation",
    "routing.labels.delay",
)
"""Options that mean nothing to a data set."""

_FOR_DATA = {"model": AutoencoderNetConfig, "algo": AutoencoderConfig}
"""What learns from a data set, and from nothing else."""


def source_problems(config: RunConfig) -> Iterator[str]:
    """One line for every rule about what a run learns from."""
    if config.env is None and config.data is None:
        yield (
            f"env is missing; set env.name, one of {', '.join(names('env'))}, or data.name to "
            f"learn from a data set, one of {', '.join(names('data'))}"
        )
    if config.env is not None and config.data is not None:
        yield "data: a run has either an environment or a data set; leave out env or data"
    for key, schema in _FOR_DATA.items():
        part = getattr(config, key)
        if part is None or isinstance(part, schema) == (config.data is not None):
            continue
        if config.data is None:
            known = ", ".join(names("data"))
            yield f"{key}.name = {part.name}: needs data.name, one of {known}, and no env"
        else:
            yield f"{key}.name = {part.name}: learns from no data set; set {key}.name=autoencoder"


def data_problems(config: RunConfig) -> Iterator[str]:
    """One line for every rule about a run on a data set."""
    if isinstance(config.model, AutoencoderNetConfig):
        yield from _network(config.model)
    if config.data is None:
        return
    defaults = RunConfig()
    for key in _FOR_ENVIRONMENTS:
        value = _at(config, key)
        if value != _at(defaults, key):
            yield f"{key} = {shown(value)} has no effect with a data set; leave it out"
    if config.trainer.devices * config.trainer.num_nodes > 1:
        yield (
            f"trainer.devices = {config.trainer.devices}: a data set is learnt from in one "
            "process; leave it 1"
        )


def _network(model: AutoencoderNetConfig) -> Iterator[str]:
    if not model.hidden:
        yield "model.hidden is empty; it needs a number for each layer, like [256, 128]"
    if model.code % 2:
        yield f"model.code = {model.code}: has two halves, so {model.code + 1}?"


def _at(config: RunConfig, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value
