"""The evaluator of mazes: levels of another split, with the cheese as trained and anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chisel.analysis.evaluation.evaluator import (
    SUCCESS,
    AnyLoaded,
    Evaluator,
    Film,
    Metric,
    Situation,
    ends_as,
    judged_by,
    world_of,
)
from chisel.analysis.evaluation.held_out import PLACEMENTS, HeldOut, held_out, placements_of
from chisel.analysis.evaluation.playing import Facts
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.envs.maze import MazeState, make_evaluation, render
from chisel.models import Agent, as_agent

EFFICIENT = 2
"""Largest multiple of the shortest path to the nearest goal for which success is efficient."""

OUTCOMES = ("neither", "cheese", "corner")
"""Ends of an episode with two goals, by the value of the fact `outcome`."""

_SHARE = (0.0, 1.0)
_PANEL = 256
"""Side of a maze's picture in pixels."""


def held_out_mazes(config: RunConfig) -> Evaluator:
    """Return the evaluator of mazes, in which each layout has the same weight.

    With two goals there is a metric for each, and all levels have a decision square. With one goal,
    success is also given for cheese in the top-right region and elsewhere, if both occur. Levels
    without a path to a goal count in no metric.
    """
    goals: tuple[Metric, ...] = (
        SUCCESS,
        Metric("success in region", _SHARE, "higher", _success(inside=True)),
        Metric("success elsewhere", _SHARE, "higher", _success(inside=False)),
    )
    if config.env.goals != "cheese":
        ends = ("cheese", "corner", "neither")
        goals = tuple(Metric(f"P({e})", _SHARE, of=ends_as(OUTCOMES.index(e))) for e in ends)
    return Evaluator(
        metrics=(
            *goals,
            Metric("efficient", _SHARE, "higher", is_efficient),
            Metric("return", None, "higher", "r", form=".1f"),
            Metric("length", None, "lower", "l", form=".0f"),
        ),
        counted=lambda facts: facts["shortest_path"] >= 0,
        units="layouts",
        group="size",
        splits=("all", "train", "validation", "test"),
        situations=tuple(
            Situation({"cheese": one}, (PLACEMENTS.index(one),))
            for one in placements_of(config.env)
        ),
        open=_open,
        irrelevant=(
            "env.num_threads",
            "env.levels.split",
            "env.levels.start",
            "env.levels.num",
            "env.levels.set_size",
        ),
        about=_held_out,
        caption="each layout weighs the same, with the mean of its levels; efficient: within twice "
        "the shortest path to the nearest goal",
        film=Film(_open_film, lambda env: [picture_of(state) for state in env.maze_states()]),
    )


def maze_run(agent: Agent, settings: Sequence[str] = ()) -> RunConfig:
    """Return a maze agent's config, with settings on `eval.*` and `env.*` applied.

    Raises:
        ConfigError: If the agent has no config, plays no maze, or a setting is for another key.
    """
    config = agent.config
    if config is not None and not isinstance(config.env, MazeConfig):
        raise ConfigError(f"{agent.source} plays {world_of(config)!r}; this works for maze agents")
    return judged_by(agent, settings)[1]


def is_efficient(facts: Facts) -> NDArray[np.bool_]:
    """Return whether each episode `[E]` ended at a goal within `EFFICIENT` shortest paths."""
    efficient: NDArray[np.bool_] = facts["success"] & (
        facts["l"] <= EFFICIENT * facts["shortest_path"]
    )
    return efficient


def _success(*, inside: bool) -> Callable[[Facts], NDArray[Any]]:
    """Return success with the cheese in the region, or elsewhere; NaN unless both occur."""

    def values(facts: Facts) -> NDArray[Any]:
        there = facts["in_region"]
        alike = there.all() or not there.any()
        return np.where((there == inside) & ~alike, facts["success"], np.nan)

    return values


def _open(
    loaded: AnyLoaded, config: RunConfig, situation: Situation, *, paired: bool
) -> AbstractContextManager[HeldOut]:
    (placement,) = (one for one in PLACEMENTS if one == situation.named["cheese"])
    return held_out(as_agent(loaded), config, placement)


def _held_out(loaded: AnyLoaded, config: RunConfig) -> Mapping[str, Any]:
    """Return whether neither the network nor its ancestors were trained on the layouts played here.

    `None` means that it is not known on what the initial weights were trained.
    """
    trained_on, split = loaded.trained_on, config.eval.split
    held_out: bool | None = trained_on is not None and not {"all", split} & set(trained_on)
    if trained_on is None:
        own = "all" if loaded.config is None else loaded.config.env.levels.split
        held_out = False if own in ("all", split) else None
    if split == "all":
        held_out = False
    return {"held_out": held_out, "trained_on": None if trained_on is None else list(trained_on)}


def _open_film(config: RunConfig, copies: int) -> Any:
    env, _ = make_evaluation(
        config.env, levels=copies, split="validation", seed=config.eval.seed, num_envs=copies
    )
    return env


def picture_of(state: MazeState) -> NDArray[np.uint8]:
    """Draw a maze with one cell of wall around it, uint8 `[256, 256, 3]`."""
    picture = Image.fromarray(render(state))
    if state.look.mode != "memory":  # there procgen draws only what is near the mouse
        cell = picture.width / state.world_dim
        low, high = (
            max(state.margin - 1, 0),
            min(state.margin + state.maze_dim + 1, state.world_dim),
        )
        picture = picture.crop((low * cell, low * cell, high * cell, high * cell))
    return np.asarray(picture.resize((_PANEL, _PANEL), Image.Resampling.BOX))
