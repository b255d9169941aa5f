"""The ablation matrix of an agent, whatever it plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel import configs, envs, routing
from chisel.analysis.ablation import (
    AblationMatrix,
    Context,
    Mode,
    Values,
    ablation_matrix,
    regions_of,
)
from chisel.analysis.evaluation.maze_ablation import maze_ablation_matrix
from chisel.analysis.evaluation.oversight import ENDS, oversight_run, plays_oversight
from chisel.analysis.evaluation.playing import play
from chisel.analysis.results import Settings, as_list
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.models import Agent


def agent_ablation_matrix(
    agent: Agent,
    *,
    overrides: Settings = (),
    levels: int | None = None,
    split: str | None = None,
    mode: Mode = "zero",
    controls: int = 3,
    gates: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> AblationMatrix:
    """Play with nothing, each region, and random regions switched off.

    Mazes are held-out levels (`maze_ablation_matrix`). Other environments are started anew with
    `eval.seed`, and each of `eval.levels` games is played once: the same games for every row.

    Args:
        agent: Who plays.
        overrides: `key=value` on `eval.*` and `env.*`.
        levels: Held-out levels or games for each row; None is `eval.levels`.
        split: Of these levels, where there are splits; None is `eval.split`.
        mode: What is done to the units.
        controls: Random regions for each region.
        gates: Whether random regions silence as many units of a gate as the region does.
        progress: Called with what is played, rows done and wanted.

    Raises:
        ConfigError: If the agent has no regions or they cannot be ablated so.
    """
    settings = as_list(overrides)
    if levels is not None:
        settings.append(f"eval.levels={levels}")
    if agent.config is not None and isinstance(agent.config.env, MazeConfig):
        if split is not None:  # other worlds have none
            settings.append(f"eval.split={split}")
        return maze_ablation_matrix(
            agent,
            overrides=settings,
            mode=mode,
            controls=controls,
            gates=gates,
            progress=progress,
        )
    config = _run(agent, settings)

    def episodes(context: Context = nullcontext, seed: int = config.eval.seed) -> Values:
        return _metrics(agent, _play(agent, config, context, seed, whole=mode == "resample"))

    try:
        return ablation_matrix(
            agent.model,
            regions_of(agent),
            episodes,
            mode=mode,
            record=lambda: episodes(seed=config.eval.seed + 1),
            controls=controls,
            gates=gates,
            seed=config.eval.seed,
            progress=progress,
        )
    except routing.RoutingError as error:
        raise ConfigError(f"{agent.source}: {error}") from error


def _run(agent: Agent, settings: Sequence[str]) -> RunConfig:
    if plays_oversight(agent):
        return oversight_run(agent, settings)
    if agent.config is None or agent.config.env is None:
        raise ConfigError(f"{agent.source} plays in no environment")
    return configs.override(agent.config, settings) if settings else agent.config


def _play(
    agent: Agent, config: RunConfig, context: Context, seed: int, whole: bool
) -> dict[str, NDArray[Any]]:
    """One episode of each game `[E, ...]`, always the same games."""
    games = config.eval.levels
    env = envs.make(config.env, seed=seed, num_envs=games)
    try:
        return play(
            agent.policy,
            env,
            episodes_per_env=1,
            generator=torch.Generator().manual_seed(seed),
            seed=seed,
            context=context,
            whole_batches=whole,
        )
    finally:
        env.close()


def _metrics(agent: Agent, facts: dict[str, NDArray[Any]]) -> Values:
    columns: dict[str, NDArray[Any]] = {"success": facts["success"]}
    if plays_oversight(agent):
        columns = {f"P({end})": facts["outcome"] == n for n, end in enumerate(ENDS)}
    columns |= {"return": facts["r"], "length": facts["l"]}
    return {name: np.asarray(column, np.float64) for name, column in columns.items()}
