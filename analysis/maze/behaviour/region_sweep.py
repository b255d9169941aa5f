"""Measures of agents that were trained with the cheese in different regions, on the same mazes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from chisel.analysis.evaluation import EFFICIENT, Split
from chisel.analysis.maze import decision_mazes, held_out_states
from chisel.analysis.maze.behaviour.episodes import decision_episodes
from chisel.analysis.maze.behaviour.metrics import PUBLISHED
from chisel.analysis.maze.behaviour.regression import prepare, regress
from chisel.analysis.maze.behaviour.summary import ENDS, GAP, OFF, ON, ends, played, summarised
from chisel.analysis.maze.behaviour.validation import cross_validate, means
from chisel.analysis.maze.cheese_vector import moves_of
from chisel.analysis.results import Estimate, ProgressCallback, Tree, leaves, over_seeds
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.envs.maze import layout_of, observe_states
from chisel.models import Agent, to_tensor

ANYWHERE = "anywhere"
"""Name of the setting of agents that were trained with the cheese anywhere."""

Setting = int | None
"""Side of the region that had the cheese in training; None: the cheese was anywhere."""


@dataclass(frozen=True)
class RegionAgent:
    """One agent and its measures."""

    label: str
    """Name of its run."""
    setting: Setting
    tree: Tree
    """Its measures; see `measure_agent`."""


@dataclass(frozen=True)
class RegionSweep:
    """Agents by the region they were trained with; agents of one region count as its seeds."""

    agents: tuple[RegionAgent, ...]

    @property
    def settings(self) -> list[Setting]:
        """Return the settings, ascending, anywhere last."""
        found = {agent.setting for agent in self.agents}
        return sorted(found, key=lambda side: np.inf if side is None else side)

    def of(self, setting: Setting) -> list[RegionAgent]:
        """Return the agents of one setting."""
        return [agent for agent in self.agents if agent.setting == setting]

    def joined(self, setting: Setting) -> Tree:
        """Return the estimates of a setting: of its one agent, or means over its seeds."""
        return over_seeds([agent.tree for agent in self.of(setting)])


def setting_of(config: MazeConfig) -> Setting:
    """Return the setting that an agent was trained with."""
    return config.region if config.cheese == "region" else None


def name_of(setting: Setting) -> str:
    """Return the name of a setting."""
    return ANYWHERE if setting is None else f"region {setting}"


def largest_region(configs: Sequence[MazeConfig]) -> int:
    """Return the largest region that any agent was trained with; outside it all are untrained."""
    sides = [config.region for config in configs if config.cheese == "region"]
    return max([1, *sides])


def require_alike(labels: Sequence[str], configs: Sequence[MazeConfig]) -> None:
    """Check that the environments of agents differ in nothing but the cheese's place.

    Raises:
        ConfigError: If two differ in another option; the message names it.
    """
    plain = [_without_cheese(config) for config in configs]
    for label, other in zip(labels[1:], plain[1:], strict=True):
        for field in fields(MazeConfig):
            ours, theirs = getattr(plain[0], field.name), getattr(other, field.name)
            if ours != theirs:
                raise ConfigError(
                    f"{labels[0]} and {label} differ in env.{field.name}: a sweep over regions "
                    "takes agents that differ in env.cheese and env.region alone"
                )


def measure_agent(
    agent: Agent,
    config: RunConfig,
    *,
    beyond: int,
    levels: int,
    split: Split,
    progress: ProgressCallback,
) -> Tree:
    """Measure one agent on all levels, and on levels with a decision square.

    Args:
        agent: The agent; its actions are sampled.
        config: The environment; `config.eval.seed` decides levels and actions.
        beyond: Levels with a decision square count if the cheese lies outside the top-right square
            of this side.
        levels: Number of levels of each kind.
        split: Split that the layouts come from.
        progress: Called with what is played and the numbers of episodes done and wanted.

    Returns:
        `success` and `efficient` (success within twice the shortest path) under `ON`, `OFF`, `GAP`;
        `episodes` and `square`, `ENDS` each: how episodes with a decision square end, and the
        probabilities of the moves on that square; and, where both outcomes are frequent enough,
        `coefficients` of the published variables and `validation` (see `Validation`).
    """
    draws = np.random.default_rng([config.eval.seed, 0x5EE])
    frames = played(agent, config, levels=levels, split=split, progress=progress)
    rows = summarised(frames, draws)
    success = {name: leaves(rows, name)[ENDS[0]] for name in (ON, OFF, GAP) if name in rows}
    efficient = {OFF: _efficient(frames["anywhere"], draws)}
    if "as-trained" in frames:
        efficient[ON] = _efficient(frames["as-trained"], draws)
    frame = decision_episodes(
        agent,
        config,
        levels=levels,
        split=split,
        outside=False,
        progress=functools.partial(progress, "decision square"),
    )
    frame = frame[_beyond(frame, beyond)]
    if not len(frame):
        raise ConfigError(f"levels={levels}: no cheese lies outside region {beyond}; take more")
    tree: dict[str, Tree] = {
        # For agents trained with the cheese anywhere, both placements are the same episodes.
        "success": {ON: success[OFF], **success},
        "efficient": {ON: efficient[OFF], **efficient},
        "episodes": ends(frame, draws),
        "square": _at_squares(agent, config, frame, levels, split, draws),
    }
    return tree | _regression(frame, draws)


def _beyond(frame: pd.DataFrame, side: int) -> pd.Series[bool]:
    """Return the rows whose cheese lies outside the top-right square of this side, `[E]`."""
    outside: pd.Series[bool] = (frame["row_corner"] <= -side) | (frame["col_corner"] <= -side)
    return outside


def _efficient(frame: pd.DataFrame, generator: np.random.Generator) -> Estimate:
    """Return the share of episodes that reach the cheese within `EFFICIENT` shortest paths."""
    efficient = frame["cheese"] & (frame["l"] <= EFFICIENT * frame["cheese_path"])
    return means(
        [efficient.to_numpy(np.float64)], frame["layout"].to_numpy(), generator, within=(0, 1)
    )[0]


def _at_squares(
    agent: Agent,
    config: RunConfig,
    frame: pd.DataFrame,
    levels: int,
    split: Split,
    generator: np.random.Generator,
) -> Tree:
    """Return the choices of the mouse, facing left, on the decision squares of a frame's levels."""
    seed = config.eval.seed
    states = held_out_states(
        agent, config.env, levels=levels, split=split, seed=seed, decision=True
    )
    wanted = set(frame["level_seed"].tolist())
    mazes = decision_mazes([state for state in states if state.level_seed in wanted])
    layouts = np.array([layout_of(state.grid) for state in mazes.starts], np.int64)
    obs = to_tensor(observe_states(mazes.states, config=config.env))
    choices = mazes.choices(moves_of(agent, obs))
    return dict(zip(ENDS, means(list(choices.T), layouts, generator), strict=True))


def _regression(frame: pd.DataFrame, generator: np.random.Generator) -> dict[str, Tree]:
    """Return coefficients and validation; nothing if nearly all episodes end alike."""
    try:
        data = prepare(frame, PUBLISHED)
    except ConfigError:
        return {}
    return {
        "coefficients": leaves(regress(data, generator).to_tree(), "coefficients"),
        "validation": cross_validate(data, generator).to_tree(),
    }


def _without_cheese(config: MazeConfig) -> MazeConfig:
    """Return the options that must agree: without the cheese's place and how levels are drawn."""
    levels = replace(config.levels, set_size=0, start=0, num=0)
    return replace(config, cheese="stock", region=0, num_envs=1, num_threads=0, levels=levels)
