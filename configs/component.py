"""The type of an entry in the registry of components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["env", "corpus", "model", "algo", "evaluator", "study", "label"]
Source = Literal["world", "examples", "tokens"]


@dataclass(frozen=True)
class Component:
    """One registered component: a function by its import path, and what is known about it."""

    path: str
    """Import path of its function, as `package.module:function`."""
    summary: str
    """One line that `chisel list` prints."""
    schema: type | None = None
    """A frozen dataclass with its options and their types, among them `name`, and `num_envs` for an
    environment; None for evaluators, studies and labels."""
    world: str | None = None
    """For a study: name of the environment or corpus that it, or its agents, belong to. None: the
    study fits every world, or needs none."""
    report: Mapping[str, Any] | None = None
    """For a study: options with which the study `report` runs it. None: the report leaves it
    out."""
    regions: bool = False
    """Whether a study needs an agent that was trained with `routing.regions`."""
    learns_from: Source = "world"
    """What an algorithm or a model learns from: `world` is an environment, `examples` and `tokens`
    come from a corpus."""
    penalty: str | None = None
    """For an algorithm that penalises impact: path of the function that reads its penalty from a
    checkpoint, written like `path`. None: the algorithm has no penalty."""
