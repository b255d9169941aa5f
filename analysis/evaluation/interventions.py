"""Interventions on an agent while it is evaluated, as settings ask for them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from chisel.analysis.ablation import Ablation, name_of
from chisel.analysis.results import Settings, as_list, provenance, typed_source
from chisel.analysis.steering import Steering
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent


@dataclass(frozen=True)
class Interventions:
    """What is done to an agent while it plays."""

    ablation: Ablation | None = None
    steering: Steering | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Let the agent run so within the context: ablated first, so that vectors stay whole."""
        with ExitStack() as stack:
            for one in (self.ablation, self.steering):
                if one is not None:
                    stack.enter_context(one())
            yield

    @property
    def whole_batches(self) -> bool:
        """Whether an example needs others beside it."""
        return self.ablation is not None and self.ablation.whole_batches

    @property
    def name(self) -> str:
        """End of a file's name; empty if nothing is done."""
        ablated = f"-ablate-{name_of(self.ablation.modes)}" if self.ablation else ""
        return ablated + (f"-steer-{self.steering.name}" if self.steering else "")

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain: dict[str, Any] = {}
        for one in (self.ablation, self.steering):
            plain |= one.to_plain() if one is not None else {}
        return plain


def evaluation_origin(agent: Agent, config: RunConfig, overrides: Settings) -> dict[str, Any]:
    """Return the provenance of an evaluation that `chisel eval` makes."""
    command = shlex.join(["chisel", "eval", typed_source(agent), *as_list(overrides)])
    return provenance(agent, config, seed=config.eval.seed, command=command)


def split_settings(overrides: Settings, keys: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Split settings into those of the config and those named by some keys, such as `ablate`.

    Raises:
        ConfigError: If one of the keys is given twice.
    """
    rest, named = [], {}
    for setting in as_list(overrides):
        key, _, value = setting.partition("=")
        if key not in keys:
            rest.append(setting)
        elif key in named:
            raise ConfigError(f"{setting}: {key} is given twice")
        else:
            named[key] = value
    return rest, named
