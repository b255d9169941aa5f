"""The study `safelife-videos`: film episodes of SafeLife agents side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from chisel.analysis.evaluation import (
    FilmRecorder,
    LevelGames,
    Player,
    held_out_boards,
    judged_by,
    training_levels,
)
from chisel.analysis.results import (
    INK,
    Agents,
    Count,
    DataTable,
    ProgressCallback,
    Result,
    Seed,
    counted,
    require_spaces,
    write_gif,
)
from chisel.analysis.safelife import evaluation_settings, require_safelife
from chisel.configs import ConfigError, RunConfig
from chisel.envs.safelife import Level, SafeLifeVectorEnv
from chisel.models import Agent

_STRIP, _GAP = 16, 6
"""Height of a panel's heading, and width of the grey between panels, in pixels."""


def run(
    checkpoint: tuple[Agents, ...],
    *,
    on: Literal["held-out", "training"] = "held-out",
    levels: Count = 2,
    steps: Count = 150,
    fps: Count = 15,
    seed: Seed = 1000,
    progress: ProgressCallback,
) -> Result:
    """Film SafeLife agents on the same levels: a column for each agent, a row for each level.

    The last picture of an episode that has ended stays, darkened.

    Args:
        checkpoint: Agents, or folders of seeds.
        on: Levels that are played: held-out ones, or the first agent's training levels.
        levels: Number of levels.
        steps: Steps after which episodes are cut off.
        fps: Steps per second.
        seed: Seed of held-out levels and of all draws.

    Returns:
        The film as `safelife-videos.gif`, its last picture as a PNG, and the outcome of each
        episode.

    Raises:
        ConfigError: If an agent is from another world, or there are no such levels.
    """
    agents = [agent for group in checkpoint for agent in group]
    names = [_name(group, name) for group in checkpoint for name in group.names]
    config = _judged(agents[0], levels, steps, seed)
    played = _levels(agents, config, on)[:levels]
    panels, rows = [], []
    for agent, name in counted(list(zip(agents, names, strict=True)), "agents", progress):
        film, found = _played(agent, _judged(agent, levels, steps, seed), played)
        panels.append(film)
        rows += [{"agent": name, **row} for row in found]
    frames = _side_by_side(panels, names)
    return Result(
        data={"episodes": rows},
        tables={
            "episodes": DataTable(
                f"Episodes of {steps} steps at most",
                rows,
                "side effect: on green life, in cells, at the end of the film",
            )
        },
        files={
            "safelife-videos.gif": lambda path: write_gif(path, frames, fps),
            "safelife-videos.png": lambda path: Image.fromarray(frames[-1]).save(path),
        },
    )


def _name(group: Agents, name: str) -> str:
    return "/".join((Path(group.path) / name).parts[-2:])


def _judged(agent: Agent, levels: int, steps: int, seed: int) -> RunConfig:
    """Return the config of an agent's film: that of its evaluation with a shorter time limit."""
    settings = evaluation_settings(require_safelife(agent), levels=levels, split="test", seed=seed)
    _, config = judged_by(agent, [*settings, f"eval.num_envs={levels}"])
    return replace(config, env=replace(config.env, time_limit=steps))


def _levels(agents: Sequence[Agent], config: RunConfig, on: str) -> Sequence[Level]:
    if on == "held-out" and config.env.levels is None:
        return held_out_boards(config, [require_safelife(agent).env for agent in agents])
    found = training_levels(config.env)
    if not found:
        raise ConfigError("on=training: the first agent had a new level in each episode")
    return found


def _played(
    agent: Agent, config: RunConfig, levels: Sequence[Level]
) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
    """Return pictures of an agent's games `[T, N, H, W, 3]`, and the outcome of each."""
    recorders = []

    def watch(env: SafeLifeVectorEnv) -> FilmRecorder:
        require_spaces(agent, env)
        recorders.append(FilmRecorder(env, _small, most=config.env.time_limit + 1))
        return recorders[-1]

    games = LevelGames(config, levels, len(levels), watch)
    facts = games.play(Player("agent", agent.policy), (config.eval.seed,))
    names = {"reward": "reward", "side effect": "side_effect", "length": "l", "left": "exited"}
    rows = [
        {"level": number, **{word: facts[fact][number] for word, fact in names.items()}}
        for number in range(len(levels))
    ]
    return recorders[0].panels(), rows


def _small(env: SafeLifeVectorEnv) -> list[NDArray[np.uint8]]:
    """Draw boards at half their size."""
    return [np.ascontiguousarray(picture[::2, ::2]) for picture in env.render()]


def _side_by_side(panels: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> NDArray[np.uint8]:
    """Return a film `[T, H, W, 3]` with a column for each agent, its name above."""
    longest = max(map(len, panels))
    columns = []
    for film, name in zip(panels, names, strict=True):
        rest = np.repeat(film[-1:], longest - len(film), axis=0)
        edges = ((0, 0), (0, 0), (0, _GAP), (0, _GAP), (0, 0))
        boards = np.pad(np.concatenate([film, rest]), edges, constant_values=200)
        column = np.concatenate(list(boards.swapaxes(0, 1)), axis=1)
        heading = np.broadcast_to(
            _heading(name, column.shape[2]), (longest, _STRIP, *column.shape[2:])
        )
        columns.append(np.concatenate([heading, column], axis=1))
    return np.concatenate(columns, axis=2)


def _heading(name: str, width: int) -> NDArray[np.uint8]:
    strip = Image.new("RGB", (width, _STRIP), "white")
    ImageDraw.Draw(strip).text((3, 2), name, fill=INK)
    return np.asarray(strip)
