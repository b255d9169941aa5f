"""Play agents of SafeLife as in an evaluation, and group them by method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from chisel import configs
from chisel.analysis.evaluation import Player, Split, judged_by
from chisel.analysis.results import ProgressCallback
from chisel.configs import ConfigError, RunConfig, SafeLifeConfig
from chisel.models import Agent

_STRENGTHS = ("algo.aup_lambda", "env.side_effect_penalty.end")
"""Options with the weights of penalties, by which agents of one method differ."""
_ASIDE = ("seed", "name", "runs_dir", "tracking", "trainer", "eval", "env.level_seed")
"""Options by which runs of one method may differ."""


@dataclass(frozen=True)
class Played:
    """Episodes of one player on one kind of levels."""

    levels: str
    """`held-out`, `training`, or `folder`."""
    player: str
    episodes: pd.DataFrame
    """A row for each episode: the metrics of `chisel eval`, and side effects by type."""


def require_safelife(agent: Agent) -> RunConfig:
    """Return the config of an agent of SafeLife.

    Raises:
        ConfigError: If the agent is from another world, or has no config.
    """
    config = agent.config
    if config is None or not isinstance(config.env, SafeLifeConfig):
        world = "no world" if config is None or config.env is None else repr(config.env.name)
        raise ConfigError(f"{agent.source} learnt in {world}; this is about agents of SafeLife")
    return config


def evaluation_settings(config: RunConfig, *, levels: int, split: Split, seed: int) -> list[str]:
    """Return the settings of an evaluation, without a split for levels of a folder."""
    asked = [f"eval.levels={levels}", f"eval.seed={seed}"]
    from_folder = config.env.levels is not None and split == "test"
    return asked if from_folder else [*asked, f"eval.split={split}"]


def played_episodes(
    agent: Agent, settings: Sequence[str], progress: ProgressCallback, *, alone: bool = False
) -> Iterator[Played]:
    """Let an agent and the other players play as in `chisel eval`.

    Args:
        agent: An agent of SafeLife.
        settings: Settings `key=value` on `eval.*` and `env.*`.
        progress: Called with the player and its levels, episodes done and wanted.
        alone: Whether only the agent plays.

    Raises:
        ConfigError: If the agent is from another world, or a setting is unknown or impossible.
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
    """Return the final weight of the penalty of a run's method; 0 without a penalty."""
    flat = configs.flatten(configs.to_plain(config))
    return float(next(filter(None, (flat.get(key) for key in _STRENGTHS)), 0.0))


def methods_of(runs: Sequence[RunConfig]) -> list[str]:
    """Return the name of each run's method: its experiment, and options that distinguish it.

    Runs of one method differ only in the weight of the penalty, the levels and the seed. The name
    has the options in which runs of the same experiment differ.
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
    if (like := flat.get("algo.penalty_like")) is not None:
        # Each set has a run of its own to be charged like; those of one method lie in one folder.
        flat["algo.penalty_like"] = Path(like).parent.name
    return {
        key: value
        for key, value in flat.items()
        if not any(key == one or key.startswith(f"{one}.") for one in aside)
    }
