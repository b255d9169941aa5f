"""Held-out mazes, which an agent plays each once, as often as one likes."""

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
    """Return the placements to evaluate: one, if training already had the cheese anywhere."""
    return PLACEMENTS if config.cheese == "region" else ("anywhere",)


@dataclass(frozen=True)
class HeldOut:
    """An environment that plays each level of a level set once after every reset."""

    env: Any
    level_set: LevelSet
    seed: int

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        """Let someone play every level once; see `Games`.

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
    """Open the levels that `config.eval` asks for.

    Args:
        agent: Agent that is to play.
        config: Config of the mazes, and how many levels of which split.
        placement: Where the cheese lies.
        levels: Number of levels, if not that of the config.
        split: Split, if not that of the config.
        decision: Whether to take only levels with a decision square; `None`: if there are two
            goals.

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
        agent: Agent that is to see them.
        config: Options of the mazes it was trained in.
        placement: Where the cheese lies.
        levels: Number of levels.
        split: Split of their layouts.
        seed: Seed of the levels.
        sizes: Sides of the inner mazes; `None`: all that training allows.
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
    """Return the number of the layout of each level of a level set `[n]`."""
    return np.array([layout_of(level_set[index].grid) for index in range(len(level_set))], np.int64)


def once_each(facts: Facts) -> Facts:
    """Return one row for each level, in their order."""
    # In the last round some environments have no level left and play an old one again.
    rows = np.flatnonzero(facts["level_index"] >= 0)
    rows = rows[np.argsort(facts["level_index"][rows], kind="stable")]
    return {key: values[rows] for key, values in facts.items()}
