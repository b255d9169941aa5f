"""Agents that were trained with the cheese in different regions, on the same mazes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.evaluation import EFFICIENT, Split, held_out_levels
from chisel.analysis.maze import decision_mazes
from chisel.analysis.maze.behaviour.episodes import decision_episodes
from chisel.analysis.maze.behaviour.metrics import PUBLISHED
from chisel.analysis.maze.behaviour.regression import prepare, regress
from chisel.analysis.maze.behaviour.summary import ENDS, GAP, OFF, ON, ends, played, summarised
from chisel.analysis.maze.behaviour.validation import cross_validate, means
from chisel.analysis.maze.cheese_vector import moves_of
from chisel.analysis.results import Estimate, Frame, ProgressCallback, Tree, leaves, over_seeds
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.envs.maze import layout_of, observe_states
from chisel.models import Agent, to_tensor

ANYWHERE = "anywhere"
"""The setting of an agent whose cheese was nowhere in particular."""

Setting = int | None
"""Side of the region that the cheese was in while training; None: anywhere."""


@dataclass(frozen=True)
class Trained:
    """One agent and what it was found to do."""

    label: str
    setting: Setting
    tree: Tree
    """See `measure`."""


@dataclass(frozen=True)
class Sweep:
    """Agents by the region they were trained with; those of one region are its seeds."""

    agents: tuple[Trained, ...]

    @property
    def settings(self) -> list[Setting]:
        """Ascending, anywhere last."""
        found = {agent.setting for agent in self.agents}
        return sorted(found, key=lambda side: np.inf if side is None else side)

    def of(self, setting: Setting) -> list[Trained]:
        """The seeds of one setting."""
        return [agent for agent in self.agents if agent.setting == setting]

    def joined(self, setting: Setting) -> Tree:
        """A lone agent's estimates, with intervals over layouts; or means over its seeds."""
        return over_seeds([agent.tree for agent in self.of(setting)])


def setting_of(config: MazeConfig) -> Setting:
    """The region that an agent was trained with."""
    return config.region if config.cheese == "region" else None


def name_of(setting: Setting) -> str:
    """In words."""
    return ANYWHERE if setting is None else f"region {setting}"


def largest_region(configs: Sequence[MazeConfig]) -> int:
    """The largest region of any of these agents: the cheese beyond it is new to each of them."""
    sides = [config.region for config in configs if config.cheese == "region"]
    return max([1, *sides])


def require_alike(labels: Sequence[str], configs: Sequence[MazeConfig]) -> None:
    """Check that agents differ in nothing of their worlds but where the cheese was.

    Raises:
        ConfigError: With the first option in which two differ.
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


def measure(
    agent: Agent,
    config: RunConfig,
    *,
    beyond: int,
    levels: int,
    split: Split,
    progress: ProgressCallback,
) -> Tree:
    """What one agent does on and off its distribution, and on levels with a decision square.

    Args:
        agent: Who plays; actions are sampled.
        config: Which mazes; `config.eval.seed` decides levels and actions.
        beyond: Levels with a decision square count where the cheese lies outside the top-right
            square of this side.
        levels: How many of each kind are played.
        split: Which layouts.
        progress: Called with what is played, episodes done and wanted.

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
    quick = {OFF: _efficient(frames["anywhere"], draws)}
    if "as-trained" in frames:
        quick[ON] = _efficient(frames["as-trained"], draws)
    frame = decision_episodes(
        agent,
        config,
        levels=levels,
        split=split,
        outside=False,
        progress=functools.partial(progress, "decision square"),
    )
    frame = frame.where(_beyond(frame, beyond))
    if not len(frame):
        raise ConfigError(f"levels={levels}: no cheese lies outside region {beyond}; take more")
    tree: dict[str, Tree] = {
        # Where the cheese was anywhere in training, on and off are the same episodes.
        "success": {ON: success[OFF], **success},
        "efficient": {ON: quick[OFF], **quick},
        "episodes": ends(frame, draws),
        "square": _at_squares(agent, config, frame, levels, split, draws),
    }
    return tree | _regression(frame, draws)


def _beyond(frame: Frame, side: int) -> NDArray[np.bool_]:
    """Rows whose cheese lies outside the top-right square of a side, `[E]`."""
    outside: NDArray[np.bool_] = (frame["row_corner"] <= -side) | (frame["col_corner"] <= -side)
    return outside


def _efficient(frame: Frame, generator: np.random.Generator) -> Estimate:
    quick = frame["cheese"] & (frame["l"] <= EFFICIENT * frame["cheese_path"])
    return means([quick.astype(np.float64)], frame["layout"], generator, within=(0, 1))[0]


def _at_squares(
    agent: Agent,
    config: RunConfig,
    frame: Frame,
    levels: int,
    split: Split,
    generator: np.random.Generator,
) -> Tree:
    """Where the mouse, facing left, would turn on the decision squares of a frame's levels."""
    seed = config.eval.seed
    level_set = held_out_levels(
        agent, config.env, "anywhere", levels=levels, split=split, seed=seed, decision=True
    )
    wanted = set(frame["level_seed"].tolist())
    states = [level_set.state(number) for number in range(len(level_set))]
    mazes = decision_mazes([state for state in states if state.level_seed in wanted])
    layouts = np.array([layout_of(state.grid) for state in mazes.starts], np.int64)
    seen = to_tensor(observe_states(mazes.states, config=config.env))
    choices = mazes.choices(moves_of(agent, seen))
    return dict(zip(ENDS, means(list(choices.T), layouts, generator), strict=True))


def _regression(frame: Frame, generator: np.random.Generator) -> dict[str, Tree]:
    """Coefficients and predictions; nothing where nearly all episodes end alike."""
    try:
        data = prepare(frame, PUBLISHED)
    except ConfigError:
        return {}
    return {
        "coefficients": leaves(regress(data, generator).to_tree(), "coefficients"),
        "validation": cross_validate(data, generator).to_tree(),
    }


def _without_cheese(config: MazeConfig) -> MazeConfig:
    """What must agree: not where the cheese is, nor how levels are drawn and stepped."""
    levels = replace(config.levels, set_size=0, start=0, num=0)
    return replace(config, cheese="stock", region=0, num_envs=1, num_threads=0, levels=levels)
