"""The agents and language models that the lab offers, and the facts that the page shows of each."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from chisel.analysis.ablation import regions_of
from chisel.analysis.evaluation import world_of
from chisel.analysis.language import Opened, opened_run
from chisel.analysis.maze import Ingredients
from chisel.analysis.results import points_of, runs_of
from chisel.configs import (
    CheckpointError,
    ConfigError,
    MazeConfig,
    agent_path,
    hint,
    registry,
)
from chisel.envs.maze import max_size
from chisel.lab.language import Speaker, is_language_model
from chisel.models import WEIGHTS, ActorCritic, Agent, as_agent, layers_of, load
from chisel.models.language import GPT, load_language_model

SHIPPED = Path("agents")
FIRST = "maze-quick/seed-0"
"""The shipped agent with which the lab opens if it is given none."""


class Charge(Protocol):
    """The impact penalty that an agent was trained with."""

    @property
    def weight(self) -> float:
        """Factor by which penalties are multiplied before they are subtracted from the reward."""

    def __call__(self, obs: Tensor) -> Tensor:
        """Compute the penalty of each action `[B, A]`; `obs` have the environment's layout."""


@dataclass(frozen=True, eq=False)
class Offered:
    """A loaded agent."""

    name: str
    agent: Agent

    @property
    def maze(self) -> MazeConfig | None:
        """Return the config of the agent's mazes; None if it plays something else."""
        env = None if self.agent.config is None else self.agent.config.env
        return env if isinstance(env, MazeConfig) else None

    @functools.cached_property
    def unedited(self) -> ActorCritic:
        """Return a copy of the network that is never edited, so that both can run at a time."""
        return copy.deepcopy(self.agent.model)

    @functools.cached_property
    def ingredients(self) -> Ingredients:
        """Return the agent and the folder from which its edits are made.

        Files of vectors lie beside the agent's weights.
        """
        return Ingredients(self.agent, self.agent.source.parent)

    @functools.cached_property
    def charge(self) -> Charge | None:
        """Return the agent's impact penalty; None if it was trained without one.

        Shipped weights have None too, because only checkpoints hold auxiliary values.

        Raises:
            CheckpointError: If the checkpoint holds no auxiliary values.
        """
        config, source = self.agent.config, self.agent.source
        read = None if config is None else registry.resolve_penalty(config.algo.name)
        if read is None or source.name == WEIGHTS:
            return None
        found: Charge = read(source, config)
        return found

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """Return the facts about the agent that the page needs, in plain values."""
        agent, maze = self.agent, self.maze
        config = agent.config
        about: dict[str, Any] = {
            "name": self.name,
            "digest": agent.digest,
            "experiment": "" if config is None else config.experiment,
            "env_steps": agent.env_steps,
            "world": "" if config is None else world_of(config),
            "model": "" if config is None else config.model.name,
            "num_actions": agent.spaces.num_actions,
        }
        if maze is None:
            return about | {"maze": None, "sites": [], "regions": [], "vectors": []}
        about["maze"] = {
            "mode": maze.mode,
            "view": maze.observation,
            "goals": maze.goals,
            "region": maze.region if maze.cheese == "region" else None,
            "largest": self.largest,
            "smallest": maze.levels.min_size,
            "timeout": maze.timeout,
        }
        regions = regions_of(agent) if agent.regions else {}
        sizes = {
            name: sum(len(part.units) for part in region.parts) for name, region in regions.items()
        }
        folder = agent.source.parent.glob("*.safetensors")
        vectors = sorted(one.name for one in folder if one != agent.source)
        return about | {
            "sites": sites_of(agent),
            "regions": [{"name": name, "units": size} for name, size in sizes.items()],
            "vectors": vectors,
        }

    @property
    def largest(self) -> int:
        """Return the side in cells of the largest maze that the agent was trained on."""
        assert self.maze is not None
        return max_size(self.maze)


class Shelf:
    """The agents and language models that were offered at the start, by name.

    Args:
        paths: Runs, groups of runs, checkpoints, or folders of shipped weights.

    Raises:
        CheckpointError: If a path leads nowhere, or there is no agent.
    """

    def __init__(self, paths: Sequence[Path | str]) -> None:
        self._paths: dict[str, Path] = {}
        for given in map(agent_path, paths):
            if is_language_model(given):
                self._paths[given.name] = given
                continue
            if not given.exists():
                raise CheckpointError(f"there is no {given}")
            for point in points_of(given):
                for run in runs_of(point):
                    name = _name(run)
                    other = self._paths.setdefault(name, run)
                    if other != run:  # of two agents of one name, the second has its whole path
                        self._paths[str(run)] = run
        if not self._paths:
            raise CheckpointError(
                "no agent: type chisel lab RUN, with the folder of a run, or start in a clone, "
                "whose agents/ has trained ones"
            )
        self._loaded: dict[str, Offered | Speaker] = {}

    @property
    def names(self) -> list[str]:
        """Return the names, in the order given."""
        return list(self._paths)

    def open(self, name: str) -> Offered:
        """Return an agent; it is loaded when it is first asked for.

        Raises:
            ConfigError: If no agent of this name is offered.
            CheckpointError: If it cannot be loaded.
        """
        found = self._opened(name)
        if isinstance(found, Speaker):
            raise ConfigError(f"{name} is a language model, no agent")
        return found

    def speaker(self, name: str) -> Speaker:
        """Return a language model; it is loaded when it is first asked for.

        Raises:
            ConfigError: If the name is that of no language model, or its family is not known.
            CheckpointError: If it cannot be loaded.
        """
        found = self._opened(name)
        if not isinstance(found, Speaker):
            raise ConfigError(f"{name} is no language model")
        return found

    def facts(self, name: str) -> dict[str, Any]:
        """Return the facts about an agent or a language model that the page needs.

        Raises:
            ConfigError: If nothing of this name is offered.
            CheckpointError: If it cannot be loaded.
        """
        return self._opened(name).facts

    def _opened(self, name: str) -> Offered | Speaker:
        path = self._path(name)
        if name not in self._loaded:
            self._loaded[name] = _load(name, path)
        return self._loaded[name]

    def _path(self, name: str) -> Path:
        if name not in self._paths:
            raise ConfigError(f"no agent {name!r} is offered; {hint(name, self._paths)}")
        return self._paths[name]

    def open_maze(self, name: str, digest: str = "") -> Offered:
        """Return an agent that plays mazes.

        Raises:
            ConfigError: If the agent plays something else, or the digest is that of other weights.
            CheckpointError: If it cannot be loaded.
        """
        found = self.open(name)
        if found.maze is None:
            raise ConfigError(f"{name} plays no mazes")
        if digest and digest != found.agent.digest:
            raise ConfigError(
                f"{name} has other weights ({found.agent.digest[:12]}…) than this session was made "
                f"with ({digest[:12]}…)"
            )
        return found


def _load(name: str, path: Path) -> Offered | Speaker:
    if is_language_model(path):
        return Speaker(name, Opened(load_language_model(path)))
    found = load(path)
    if isinstance(found.model, GPT):
        return Speaker(name, opened_run(str(path), found))
    return Offered(name, as_agent(found))


def shipped() -> list[Path]:
    """Return the folders of the shipped agents, `FIRST` first; empty outside of a clone."""
    first = SHIPPED / FIRST
    rest = sorted(one.parent for one in SHIPPED.glob("*/*/weights.safetensors"))
    return [first, *(one for one in rest if one != first)] if first.is_dir() else []


def sites_of(agent: Agent) -> list[dict[str, Any]]:
    """List the modules whose output is one tensor, in the order in which they run.

    Returns:
        The name and the shape of each. A map `[C, H, W]` in an Impala also has `step`, the pixels
        of the observation between neighbouring cells, and `reach`, the pixels that a cell sees to
        each side of its middle.
    """
    found: list[dict[str, Any]] = []
    seen: dict[str, tuple[int, int]] = {}
    for layer in layers_of(agent.model, agent.spaces):
        if not layer.shape:
            continue
        name = layer.name
        trunk = name.split(".block")[0] if ".block" in name else name.rpartition(".")[0]
        step, reach = seen.get(trunk, (1, 0))
        if layer.kind == "Conv2d":
            reach += step
        elif layer.kind == "MaxPool2d":
            step, reach = 2 * step, reach + step
        seen[trunk] = step, reach
        spatial = {"step": step, "reach": reach} if len(layer.shape) == 3 else {}
        found.append({"name": name, "shape": list(layer.shape), **spatial})
    return found


def _name(path: Path) -> str:
    """Return a short name: the path after `runs/` or `agents/`, else its last three folders."""
    parts = list(path.parts)
    homes = [n for n, part in enumerate(parts[:-1]) if part in ("runs", "agents")]
    return "/".join(parts[homes[-1] + 1 :] if homes else parts[-3:]).lstrip("/")
