"""Load the networks that a study is about: a single one, or the seeds of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from torch import nn

from chisel import configs
from chisel.analysis.results.folders import home_of, joined, runs_of, short_digest
from chisel.analysis.results.progress import ProgressCallback, labelled
from chisel.configs import PREFIX, ConfigError, agent_name, agent_path
from chisel.models import CHECKPOINTS, WEIGHTS, ActorCritic, Loaded, as_agent, load

T = TypeVar("T")
M_co = TypeVar("M_co", bound=nn.Module, covariant=True)


@dataclass(frozen=True)
class Subjects(Generic[M_co]):
    """One network, or several that differ only in their seed, in the order of their seeds."""

    path: str
    """Path as given: a run, a checkpoint, a folder of seeds, shipped weights, a `.pth` file."""
    agents: tuple[Loaded[M_co], ...]
    names: tuple[str, ...]
    """Name of each network's run, like `seed-0`; empty for a single network."""
    progress: ProgressCallback = field(default=lambda *_: None, repr=False, compare=False)

    def __str__(self) -> str:
        """Return the path."""
        return self.path

    def __len__(self) -> int:
        """Return the number of networks."""
        return len(self.agents)

    def __iter__(self) -> Iterator[Loaded[M_co]]:
        """Iterate over the networks."""
        return iter(self.agents)

    @property
    def first(self) -> Loaded[M_co]:
        """The network, or that of the first seed."""
        return self.agents[0]

    @property
    def is_group(self) -> bool:
        """Whether the path is a folder of seeds."""
        return runs_of(self.path) != [agent_path(self.path)]

    @property
    def home(self) -> Path:
        """Folder `studies` of the run or group, or else of the current folder."""
        file = self.first.source
        if file.parent.name != CHECKPOINTS:
            return Path() / "studies"
        return (Path(self.path) if self.is_group else file.parent.parent) / "studies"

    @property
    def title(self) -> str:
        """Name of the network (see `name_of`), for several seeds with their number."""
        name, seeds = name_of(self.first), len(self)
        return name if seeds == 1 else f"{name.partition('/seed-')[0]}, {seeds} seeds"

    def folder(self, study: str, words: str = "") -> Path:
        """Return the folder for results about these networks.

        For a group of runs it lies in the group's own folder, for shipped seeds in the current
        folder; for a single network see `home_of`.

        Args:
            study: Name of the study, or of another kind of result.
            words: Options that are not at their defaults.
        """
        if self.is_group and self.first.source.name == WEIGHTS:
            digest = short_digest(" ".join(one.digest for one in self))
            return self.home / study / joined(agent_path(self.path).name, digest, words)
        if self.is_group:
            return self.home / joined(study, words)
        return home_of(self.first.source, self.first.digest, study, words)

    def each(self, measure: Callable[[Loaded[M_co], ProgressCallback], T]) -> list[T]:
        """Measure one network after the other.

        Args:
            measure: Function of a network, and of the callback that shows its progress.

        Returns:
            The results of `measure`, in the order of the networks.

        Raises:
            ConfigError: As `measure` raised it, with the name of the seed before the message.
        """
        found = []
        for agent, name in zip(self.agents, self.names, strict=True):
            try:
                found.append(measure(agent, labelled(self.progress, name)))
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}" if name else str(error)) from error
        return found

    def to_plain(self) -> list[dict[str, Any]]:
        """Return checkpoint, digest, steps and config of each network in plain values, for JSON."""
        return [
            {
                "checkpoint": agent_name(agent.source),
                "sha256": agent.digest,
                "env_steps": agent.env_steps,
                "config": None if agent.config is None else configs.to_plain(agent.config),
            }
            for agent in self.agents
        ]


Agents: TypeAlias = Subjects[ActorCritic]
"""Networks with a policy."""
Networks: TypeAlias = Subjects[nn.Module]
"""Networks of any kind, including autoencoders."""


def name_of(network: Loaded[Any]) -> str:
    """Return the name of a network in tables and figures.

    It is the name of a shipped agent, like `maze-quick/seed-0`; for other networks the experiment
    that they were trained in, or the name of their file.
    """
    name = agent_name(network.source.resolve())
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX).removesuffix(f"/{WEIGHTS}")
    return (network.config.experiment if network.config else "") or network.source.stem


def load_agents(given: Subjects[Any] | Loaded[Any] | Path | str, env: str | None = None) -> Agents:
    """Load an agent, or all seeds of a group; loaded agents are returned.

    Args:
        given: Loaded agents, or a path to load one or several from.
        env: For published weights, the experiment whose environment they play in.

    Raises:
        CheckpointError: If no agent can be loaded.
        ConfigError: If `env` is given for other than published weights.
    """
    loaded = load_networks(given, env)
    return Subjects(loaded.path, tuple(map(as_agent, loaded)), loaded.names)


def load_networks(
    given: Subjects[Any] | Loaded[Any] | Path | str, env: str | None = None
) -> Networks:
    """Load a network of any kind, or all seeds of a group; see `load_agents`."""
    if isinstance(given, Subjects):
        return given
    if isinstance(given, Loaded):
        if env is not None:
            raise ConfigError(f"env={env} is for published .pth files")
        return Subjects(str(given), (given,), ("",))
    runs = runs_of(given)
    loaded = tuple(load(run, experiment_env=env) for run in runs)
    return Subjects(str(given), loaded, tuple(r.name for r in runs) if runs[1:] else ("",))
