"""Open held-out mazes, each of which an agent plays once in every round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chisel.analysis.evaluation.evaluator import Count, Player, actions_of
from chisel.analysis.evaluation.playing import Facts, Split, play
from chisel.analysis.results import Layouts, require_spaces
from chisel.configs import MazeConfig, RunConfig
from chisel.envs.maze import LevelSet, layout_of, make_evaluation
from chisel.models import Agent

Placement = Literal["as-trained", "anywhere"]
PLACEMENTS: tuple[Placement, ...] = ("as-trained", "anywhere")


def placements_of(config: MazeConfig) -> tuple[Placement, ...]:
    """Return the placements to evaluate: a single one if training had the cheese anywhere."""
    return PLACEMENTS if config.cheese == "region" else ("anywhere",)


@dataclass(frozen=True)
class HeldOut:
    """An environment that plays each level of a level set once after every reset."""

    env: Any
    level_set: LevelSet
    seed: int

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        """Let a player play every level once; see `Games`.

        Returns:
            The facts about each episode `[E, ...]`, in the order of the levels, and the `layout` of
            each (see `layout_of`).
        """
        facts = play(
            player.policy,
            self.env,
            episodes_per_env=-(-len(self.level_set) // self.env.num_envs),
            generator=actions_of(key),
            seed=self.seed,
            context=player.context,
            whole_batches=player.whole_batches,
            greedy=player.greedy,
            progress=progress,
        )
        return once_each(facts) | {"layout": layouts_of(self.level_set)}


@contextmanager
def held_out(
    agent: Agent,
    config: RunConfig,
    placement: Placement,
    *,
    levels: int | None = None,
    split: Split | None = None,
    decision: bool | None = None,
) -> Iterator[HeldOut]:
    """Open the levels of `config.eval`.

    Args:
        agent: Agent that is to play.
        config: Config of the mazes, with number and split of the levels.
        placement: Placement of the cheese.
        levels: Number of levels; `None` takes that of the config.
        split: Split of the layouts; `None` takes that of the config.
        decision: Whether to take only levels with a decision square; `None` does so if there are
            two goals.

    Raises:
        ConfigError: If there are too few such levels.
        CheckpointError: If the agent is for another environment.
    """
    options = config.eval
    with _opened(
        agent,
        config.env,
        levels=levels or options.levels,
        split=split or options.split,
        seed=options.seed,
        cheese=placement,
        num_envs=options.num_envs,
        decision=config.env.goals != "cheese" if decision is None else decision,
    ) as mazes:
        yield mazes


def held_out_levels(
    agent: Agent,
    config: MazeConfig,
    placement: Placement,
    *,
    levels: int,
    split: Split,
    seed: int,
    sizes: Sequence[int] | None = None,
    decision: bool = False,
) -> LevelSet:
    """Return the levels that `held_out` chooses, for analyses that play no episodes.

    Args:
        agent: Agent that is to see the levels.
        config: Options of the mazes that the agent was trained in.
        placement: Placement of the cheese.
        levels: Number of levels.
        split: Split of their layouts.
        seed: Seed of the levels.
        sizes: Sides of the inner mazes in cells; `None`: all that training allows.
        decision: Whether to take only levels with a decision square.

    Raises:
        ConfigError: If there are too few such levels.
        CheckpointError: If the agent is for another environment.
    """
    options: dict[str, Any] = {
        "levels": levels,
        "split": split,
        "sizes": sizes,
        "decision": decision,
    }
    with _opened(agent, config, seed=seed, cheese=placement, num_envs=1, **options) as mazes:
        return mazes.level_set


@contextmanager
def _opened(agent: Agent, config: MazeConfig, *, seed: int, **options: Any) -> Iterator[HeldOut]:
    env, level_set = make_evaluation(config, seed=seed, **options)
    with closing(env):
        require_spaces(agent, env)
        yield HeldOut(env, level_set, seed)


def layouts_of(level_set: LevelSet) -> Layouts:
    """Return a number for the layout of each level of a level set `[n]`; see `layout_of`."""
    return np.array([layout_of(level_set[index].grid) for index in range(len(level_set))], np.int64)


def once_each(facts: Facts) -> Facts:
    """Return one row for each level, in the order of the levels."""
    # In the last round, environments without a level left repeat an old one.
    rows = np.flatnonzero(facts["level_index"] >= 0)
    rows = rows[np.argsort(facts["level_index"][rows], kind="stable")]
    return {key: values[rows] for key, values in facts.items()}
