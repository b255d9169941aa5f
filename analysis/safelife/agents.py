"""Agents of SafeLife, judged: their episodes, and what makes them one method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from chisel import configs
from chisel.analysis.evaluation import Player, Split, judged_by
from chisel.analysis.results import ProgressCallback
from chisel.configs import ConfigError, RunConfig, SafeLifeConfig
from chisel.models import Agent

_STRENGTHS = ("algo.aup_lambda", "env.side_effect_penalty.end")
"""Weights of penalties: what a method has more or less of."""
_ASIDE = ("seed", "name", "runs_dir", "tracking", "trainer", "eval", "env.level_seed")
"""Options that don't make another method of a run."""


@dataclass(frozen=True)
class Played:
    """Episodes of one player on one kind of levels."""

    levels: str
    """`held-out`, `training`, or `folder`."""
    player: str
    episodes: pd.DataFrame
    """A row for each: the metrics of `chisel eval`, and side effects by type."""


def require_safelife(agent: Agent) -> RunConfig:
    """Return the config of an agent of SafeLife.

    Raises:
        ConfigError: If it is of another world, or says nothing of its world.
    """
    config = agent.config
    if config is None or not isinstance(config.env, SafeLifeConfig):
        world = "no world" if config is None or config.env is None else repr(config.env.name)
        raise ConfigError(f"{agent.source} learnt in {world}; this is about agents of SafeLife")
    return config


def evaluation_settings(config: RunConfig, *, levels: int, split: Split, seed: int) -> list[str]:
    """Return the settings of an evaluation; levels of a folder have no splits."""
    asked = [f"eval.levels={levels}", f"eval.seed={seed}"]
    from_folder = config.env.levels is not None and split == "test"
    return asked if from_folder else [*asked, f"eval.split={split}"]


def played_episodes(
    agent: Agent, settings: Sequence[str], progress: ProgressCallback, *, alone: bool = False
) -> Iterator[Played]:
    """Let an agent play as `chisel eval` does, and those who play beside it.

    Args:
        agent: An agent of SafeLife.
        settings: `key=value` on `eval.*` and `env.*`.
        progress: Called with the player and its levels, episodes done and wanted.
        alone: Whether only the agent plays.

    Raises:
        ConfigError: If it is of another world, or a setting is unknown or impossible.
    """
    require_safelife(agent)
    evaluator, config = judged_by(agent, settings)
    for situation in evaluator.situations:
        players: Sequence[Player] = evaluator.players(agent, config, situation)
        with evaluator.open(agent, config, situation, paired=False) as games:
            for number, player in enumerate(players[:1] if alone else players):
                key = (config.eval.seed, *situation.key, number)
                words = f"{player.name}, {situation.named['set']}"
                facts = games.play(player, key, lambda *done, words=words: progress(words, *done))
                yield Played(situation.named["set"], player.name, evaluator.table(facts))


def strength_of(config: RunConfig) -> float:
    """Return the final weight of the penalty of a run's method; 0 without any."""
    flat = configs.flatten(configs.to_plain(config))
    return float(next(filter(None, (flat.get(key) for key in _STRENGTHS)), 0.0))


def methods_of(runs: Sequence[RunConfig]) -> list[str]:
    """Return the name of each run's method: its experiment, and options that tell it from others.

    Runs of one method differ in the weight of the penalty, the levels and the seed only. Options
    are named where runs of the same experiment differ in them.
    """
    options = [_options(run) for run in runs]
    names = []
    for run, own in zip(runs, options, strict=True):
        alike = [
            one for other, one in zip(runs, options, strict=True) if _short(other) == _short(run)
        ]
        differs = [key for key in own if any(one.get(key) != own[key] for one in alike)]
        words = [f"{key.rpartition('.')[2]}={own[key]}" for key in differs]
        names.append(", ".join([_short(run), *words]))
    return names


def _short(run: RunConfig) -> str:
    return run.experiment.rpartition("/")[2]


def _options(run: RunConfig) -> Mapping[str, Any]:
    flat = configs.flatten(configs.to_plain(run))
    aside = (*_ASIDE, *_STRENGTHS)
    return {
        key: value
        for key, value in flat.items()
        if not any(key == one or key.startswith(f"{one}.") for one in aside)
    }
