"""Measure agents that were trained with the cheese in different regions, on the same mazes."""

from __future__ import annotations

import functools
import math
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
from chisel.analysis.results import Estimate, ProgressCallback, Tree
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.envs.maze import layout_of, observe_states
from chisel.models import Agent, to_tensor


@dataclass(frozen=True)
class RegionAgent:
    """One agent and its measures."""

    label: str
    """Name of the agent's run."""
    side: float
    """Side of the region of the cheese in training, in cells; infinite if it was anywhere."""
    tree: Tree
    """Measures of the agent; see `measure_agent`."""

    @property
    def trained(self) -> str:
        """The placement of the cheese in training, in words."""
        return "anywhere" if self.side == math.inf else f"region {self.side}"


def side_of(config: MazeConfig) -> float:
    """Return the side of the region of the cheese, in cells; infinite if it is anywhere."""
    return config.region if config.cheese == "region" else math.inf


def by_region(agents: Sequence[RegionAgent]) -> dict[str, list[RegionAgent]]:
    """Return agents by their region of training in words, in ascending order, with anywhere last.

    Agents of one region count as its seeds.
    """
    sweep: dict[str, list[RegionAgent]] = {}
    for agent in sorted(agents, key=lambda one: one.side):
        sweep.setdefault(agent.trained, []).append(agent)
    return sweep


def largest_region(configs: Sequence[MazeConfig]) -> int:
    """Return the largest region that any agent was trained with, in cells."""
    return max([1, *(config.region for config in configs if config.cheese == "region")])


def require_alike(labels: Sequence[str], configs: Sequence[MazeConfig]) -> None:
    """Check that the environments of agents differ in nothing but the cheese's place.

    Raises:
        ConfigError: If two differ in another option; the message names it.
    """
    plain = [_without_cheese(config) for config in configs]
    for label, other in zip(labels[1:], plain[1:], strict=True):
        for field in fields(MazeConfig):
            if getattr(plain[0], field.name) != getattr(other, field.name):
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
        progress: Called with the kind of levels and the numbers of episodes done and wanted.

    Returns:
        `success` and `efficient` (success within twice the shortest path) under `ON`, `OFF`, `GAP`;
        `episodes`, the ends (`ENDS`) of episodes with a decision square, and `square`, the
        probabilities of the moves on that square; and, if both outcomes are frequent enough,
        `coefficients` of the published variables and `validation` (see `Validation`).
    """
    draws = np.random.default_rng([config.eval.seed, 0x5EE])
    frames = played(agent, config, levels=levels, split=split, progress=progress)
    rows = summarised(frames, draws)
    success = {name: rows[name][ENDS[0]] for name in (ON, OFF, GAP) if name in rows}
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
    frame = frame[(frame["row_corner"] <= -beyond) | (frame["col_corner"] <= -beyond)]
    if not len(frame):
        raise ConfigError(f"levels={levels}: no cheese lies outside region {beyond}; take more")
    tree: dict[str, Tree] = {
        # For agents trained with the cheese anywhere, both placements are the same episodes.
        "success": {ON: success[OFF], **success},
        "efficient": {ON: efficient[OFF], **efficient},
        "episodes": ends(frame, draws),
        "square": _at_squares(agent, config, frame, levels, split, draws),
    }
    try:
        data = prepare(frame, PUBLISHED)
    except ConfigError:  # nearly all episodes end alike
        return tree
    tree["coefficients"] = regress(data, draws).coefficients
    return tree | {"validation": vars(cross_validate(data, draws))}


def _efficient(frame: pd.DataFrame, generator: np.random.Generator) -> Estimate:
    """Return the share of episodes that reach the cheese within `EFFICIENT` shortest paths."""
    efficient = frame["cheese"] & (frame["l"] <= EFFICIENT * frame["cheese_path"])
    layouts = frame["layout"].to_numpy()
    return means([efficient.to_numpy(np.float64)], layouts, generator, within=(0, 1))[0]


def _at_squares(
    agent: Agent,
    config: RunConfig,
    frame: pd.DataFrame,
    levels: int,
    split: Split,
    generator: np.random.Generator,
) -> Tree:
    """Return the choices of the mouse, facing left, on the decision squares of a frame's levels."""
    states = held_out_states(
        agent, config.env, levels=levels, split=split, seed=config.eval.seed, decision=True
    )
    wanted = set(frame["level_seed"].tolist())
    mazes = decision_mazes([state for state in states if state.level_seed in wanted])
    layouts = np.array([layout_of(state.grid) for state in mazes.starts], np.int64)
    obs = to_tensor(observe_states(mazes.states, config=config.env))
    choices = mazes.choices(moves_of(agent, obs))
    shares = means(list(choices.T), layouts, generator, within=(0, 1))
    return dict(zip(ENDS, shares, strict=True))


def _without_cheese(config: MazeConfig) -> MazeConfig:
    """Return the options that must agree, without those of the cheese and of drawing levels."""
    levels = replace(config.levels, set_size=0, start=0, num=0)
    return replace(config, cheese="stock", region=0, num_envs=1, num_threads=0, levels=levels)
