"""Switch regions of an agent off while it plays: one ablation, or the matrix of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel import configs, envs, routing
from chisel.analysis.ablation import (
    Ablation,
    AblationMatrix,
    Context,
    Means,
    Mode,
    Values,
    ablation_matrix,
    chosen_regions,
    refused_by_routing,
    regions_of,
)
from chisel.analysis.evaluation.held_out import held_out, layouts_of, placements_of
from chisel.analysis.evaluation.oversight import ENDS, oversight_run, plays_oversight
from chisel.analysis.evaluation.playing import play
from chisel.analysis.evaluation.scores import OUTCOMES, is_efficient
from chisel.analysis.results import ProgressCallback, Settings, as_list, maze_run
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.models import Agent

MEAN_LEVELS = 128
"""Number of mazes of the validation split over whose states means are taken."""


def ablation_of(agent: Agent, config: RunConfig, modes: Mapping[str, Mode]) -> Ablation:
    """Prepare the ablation of regions of a maze agent; means are recorded while it plays.

    Raises:
        ConfigError: If the agent has no such region, or a single maze has nothing to resample.
    """
    regions = chosen_regions(agent, modes)
    ablation = Ablation(agent, regions, modes, seed=config.eval.seed)
    if ablation.whole_batches and min(config.eval.num_envs, config.eval.levels) < 2:
        raise ConfigError("ablate: resample needs several mazes; set eval.num_envs to 2 or more")
    if "mean" not in modes.values():
        return ablation
    wanted = {name: regions[name] for name, mode in modes.items() if mode == "mean"}
    means, states = record_means(agent, config, wanted)
    return Ablation(agent, regions, modes, config.eval.seed, means, states)


def record_means(
    agent: Agent, config: RunConfig, regions: Mapping[str, routing.Region]
) -> tuple[Means, int]:
    """Record mean activations of regions over the states that the unablated agent gets into.

    Returns:
        The means that `routing.ablate` takes, and the number of observations they are over.
    """
    states = 0

    def policy(obs: torch.Tensor) -> torch.Tensor:
        nonlocal states
        states += len(obs)
        return agent.policy(obs)

    placement = placements_of(config.env)[0]
    with held_out(agent, config, placement, levels=MEAN_LEVELS, split="validation") as mazes:
        draws = torch.Generator().manual_seed(config.eval.seed)
        means = routing.record_means(agent.model, regions, lambda: mazes.play(policy, draws))
    return means, states


def agent_ablation_matrix(
    agent: Agent,
    *,
    overrides: Settings = (),
    levels: int | None = None,
    split: str | None = None,
    mode: Mode = "zero",
    controls: int = 3,
    gates: bool = False,
    progress: ProgressCallback | None = None,
) -> AblationMatrix:
    """Play with nothing, each region, and random regions switched off.

    Mazes are held-out levels (`maze_ablation_matrix`). Other environments are started anew with
    `eval.seed`, and each of `eval.levels` games is played once: the same games for every row.

    Args:
        agent: Agent that plays.
        overrides: `key=value` on `eval.*` and `env.*`.
        levels: Number of held-out levels or games for each row; `None` is `eval.levels`.
        split: Split of these levels, where there are splits; `None` is `eval.split`.
        mode: What is done to the units.
        controls: Number of random regions for each region.
        gates: Whether random regions silence as many units of a gate as the region does.
        progress: Called with the name of the row played, rows done and wanted.

    Raises:
        ConfigError: If the agent has no regions or they cannot be ablated so.
    """
    settings = as_list(overrides)
    if levels is not None:
        settings.append(f"eval.levels={levels}")
    options: dict[str, Any] = {"mode": mode, "controls": controls, "gates": gates}
    options["progress"] = progress
    if agent.config is not None and isinstance(agent.config.env, MazeConfig):
        if split is not None:  # other worlds have none
            settings.append(f"eval.split={split}")
        return maze_ablation_matrix(agent, overrides=settings, **options)
    config = _config_of_games(agent, settings)

    def episodes(context: Context = nullcontext, seed: int = config.eval.seed) -> Values:
        return _metrics(agent, _play(agent, config, context, seed, whole=mode == "resample"))

    with refused_by_routing(agent):
        return ablation_matrix(
            agent.model,
            regions_of(agent),
            episodes,
            record=lambda: episodes(seed=config.eval.seed + 1),
            seed=config.eval.seed,
            **options,
        )


def maze_ablation_matrix(
    agent: Agent,
    *,
    overrides: Settings = (),
    regions: Mapping[str, routing.Region] | None = None,
    mode: Mode = "zero",
    controls: int = 3,
    gates: bool = False,
    progress: ProgressCallback | None = None,
) -> AblationMatrix:
    """Play held-out levels with nothing, each region, and random regions switched off.

    Levels and the seed of the sampled actions are those of `config.eval`, the same for every row.

    Args:
        agent: Agent that plays.
        overrides: `key=value` on `eval.*` and `env.*`.
        regions: Regions by name; `None` takes those that the agent was routed with.
        mode: What is done to the units; means are over states of a play on validation levels.
        controls: Number of random regions for each region.
        gates: Whether random regions silence as many units of a gate as the region does.
        progress: Called with the name of the row played, rows done and wanted.

    Raises:
        ConfigError: If the agent has no regions, they cannot be ablated so, or levels are too few.
    """
    config = maze_run(agent, as_list(overrides))
    chosen = regions_of(agent) if regions is None else regions
    placement, seed = placements_of(config.env)[0], config.eval.seed
    levels: AbstractContextManager[Any] = nullcontext()
    if mode == "mean":
        levels = held_out(agent, config, placement, levels=MEAN_LEVELS, split="validation")
    played = held_out(agent, config, placement)
    with refused_by_routing(agent), played as mazes, levels as validation:

        def play_levels(context: Context) -> Values:
            draws, whole = torch.Generator().manual_seed(seed), mode == "resample"
            facts = mazes.play(agent.policy, draws, context=context, whole_batches=whole)
            return maze_metrics(facts, two_goals=config.env.goals != "cheese")

        return ablation_matrix(
            agent.model,
            chosen,
            play_levels,
            layouts=layouts_of(mazes.level_set),
            mode=mode,
            record=lambda: validation.play(agent.policy, torch.Generator().manual_seed(seed)),
            controls=controls,
            gates=gates,
            seed=seed,
            progress=progress,
        )


def maze_metrics(facts: dict[str, NDArray[Any]], *, two_goals: bool) -> Values:
    """Return the metrics of each episode: 0 or 1 for what happened, and the return.

    Args:
        facts: Facts about episodes `[E, ...]`, as `HeldOut.play` returns them.
        two_goals: Whether to tell the goals apart. With one goal success is split by whether the
            cheese lies in the top-right region, if both occur.

    Returns:
        By metric float `[E]`, NaN where it says nothing about the episode.
    """
    columns: dict[str, NDArray[Any]] = {}
    if two_goals:
        ends = ("cheese", "corner", "neither")
        columns |= {f"P({end})": facts["outcome"] == OUTCOMES.index(end) for end in ends}
    else:
        columns["success"] = facts["success"]
        inside = facts["in_region"]
        if inside.any() and not inside.all():
            columns["success in region"] = np.where(inside, facts["success"], np.nan)
            columns["success elsewhere"] = np.where(inside, np.nan, facts["success"])
    columns |= {"efficient": is_efficient(facts), "return": facts["r"]}
    solvable = facts["shortest_path"] >= 0
    return {name: np.where(solvable, column, np.nan) for name, column in columns.items()}


def _config_of_games(agent: Agent, settings: Sequence[str]) -> RunConfig:
    if plays_oversight(agent):
        return oversight_run(agent, settings)
    if agent.config is None or agent.config.env is None:
        raise ConfigError(f"{agent.source} plays in no environment")
    return configs.override(agent.config, settings) if settings else agent.config


def _play(
    agent: Agent, config: RunConfig, context: Context, seed: int, whole: bool
) -> dict[str, NDArray[Any]]:
    """Play one episode of each game `[E, ...]`, always the same games."""
    env = envs.make(config.env, seed=seed, num_envs=config.eval.levels)
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
