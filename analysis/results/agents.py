"""The agents that a study is about: one, or the seeds of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from chisel import configs
from chisel.analysis.results.progress import ProgressCallback, labelled
from chisel.analysis.results.settings import names_of, naming, runs_of, take_agent, typed_source
from chisel.models import Agent

T = TypeVar("T")


@dataclass(frozen=True)
class Agents:
    """One agent, or several that differ in their seed only, in the order of their seeds."""

    path: str
    """Path as it was given: a run, a checkpoint, a folder of seeds, shipped weights, a `.pth`."""
    agents: tuple[Agent, ...]
    names: tuple[str, ...]
    """By agent the name of its run, like `seed-0`; empty for a lone agent."""
    progress: ProgressCallback = field(repr=False)

    @classmethod
    def load(cls, given: Agent | Path | str, env: str | None, progress: ProgressCallback) -> Agents:
        """Load an agent, or all seeds of a group.

        Args:
            given: An agent, or a path to load one or several from.
            env: For published weights, the experiment whose environment they play in.
            progress: Called with a label, the amount done and the amount wanted.

        Raises:
            CheckpointError: If there is no agent.
            ConfigError: If `env` is given for other than published weights.
        """
        if isinstance(given, Agent):
            return cls(typed_source(given), (take_agent(given, env=env),), ("",), progress)
        runs = runs_of(given)
        loaded = tuple(take_agent(run, env=env) for run in runs)
        return cls(str(given), loaded, tuple(names_of(runs)), progress)

    def __len__(self) -> int:
        """Return the number of agents."""
        return len(self.agents)

    def __iter__(self) -> Iterator[Agent]:
        """Iterate over the agents."""
        return iter(self.agents)

    @property
    def first(self) -> Agent:
        """The agent, or that of the first seed."""
        return self.agents[0]

    @property
    def title(self) -> str:
        """The experiment that they learnt, or the name of their file; with the number of seeds."""
        config, seeds = self.first.config, len(self)
        name = (config.experiment if config else "") or self.first.source.stem
        return name if seeds == 1 else f"{name}, {seeds} seeds"

    def each(self, measure: Callable[[Agent, ProgressCallback], T]) -> list[T]:
        """Measure one agent after the other.

        Args:
            measure: Function of an agent, and of the callback that shows its progress.

        Returns:
            What it returned, in the order of the agents.

        Raises:
            ConfigError: As `measure` raised it, with the name of the seed before the message.
        """
        found = []
        for agent, name in zip(self.agents, self.names, strict=True):
            with naming(name):
                found.append(measure(agent, labelled(self.progress, name)))
        return found

    def to_plain(self) -> list[dict[str, Any]]:
        """Return, for each agent, its checkpoint, the digest, steps and config, for JSON."""
        return [
            {
                "checkpoint": str(agent.source),
                "sha256": agent.digest,
                "env_steps": agent.env_steps,
                "config": None if agent.config is None else configs.to_plain(agent.config),
            }
            for agent in self.agents
        ]
