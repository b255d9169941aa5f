"""What one registered component is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["env", "corpus", "model", "algo", "evaluator", "study", "label"]
Source = Literal["world", "examples", "tokens"]


@dataclass(frozen=True)
class Component:
    """One registered component."""

    path: str
    """Where its function is found, as `package.module:function`."""
    summary: str
    """One line for `chisel list`."""
    schema: type | None = None
    """A frozen dataclass with its options and their types, among them `name`, and `num_envs` for an
    environment; None for evaluators, studies and labels."""
    world: str | None = None
    """Of a study, the environment that it is about, itself or its agents; None: any, or none."""
    report: Mapping[str, Any] | None = None
    """Of a study, the options with which the report runs it; None: it does not."""
    regions: bool = False
    """Whether a study needs an agent that was trained with `routing.regions`."""
    learns_from: Source = "world"
    """What an algorithm, or a model, learns from: a world is an environment; examples and tokens
    are those of a corpus."""
    penalty: str | None = None
    """Of an algorithm that charges for impact, the function that reads its penalty from a
    checkpoint, written like `path`; None: it charges for none."""
