"""Evaluate a trained network by the evaluator of its world: `chisel eval`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from chisel import configs
from chisel.analysis.ablation import refused_by_routing
from chisel.analysis.evaluation.evaluator import (
    AnyLoaded,
    Evaluator,
    Metric,
    Player,
    Situation,
    judged_by,
    world_of,
)
from chisel.analysis.evaluation.interventions import Interventions, interventions_of
from chisel.analysis.evaluation.scores import Score, scores_of, scores_over_seeds
from chisel.analysis.results import (
    THREADS,
    DataTable,
    Look,
    Networks,
    ProgressCallback,
    Settings,
    as_list,
    as_typed,
    choose_threads,
    footnote_on_equal,
    home_above,
    load_networks,
    make_folder,
    plain_table,
    save_figure,
    torch_threads,
    write_csv,
    write_json,
)
from chisel.configs import STYLE, WIDTH, ConfigError, RunConfig, flatten

_LOOK = {option.name: option for option in (STYLE, WIDTH)}
_COPIES = ("eval.num_envs", "env.num_envs")
"""Settings that do not change the kind of games."""
_HELD_OUT = {
    True: "",
    False: "; training drew from all levels or from these, so it may have seen some of them",
    None: "; it started from weights that do not say what they were trained on, so it may have "
    "seen some of these levels",
}


@dataclass(frozen=True)
class Evaluation:
    """All scores of a network, or of a group of seeds, and their origin."""

    world: str
    metrics: tuple[Metric, ...]
    scores: tuple[Score, ...]
    settings: Mapping[str, str]
    """Settings that must be equal in evaluations that are compared."""
    origin: Mapping[str, Any]
    """Checkpoint, digest, seed, command and config; interventions; and, in worlds with held-out
    levels, whether they were held out from training. A group has these for each run in `runs`."""
    episodes: pd.DataFrame = field(repr=False)
    """A row for each episode: player, situation, metrics, facts; in a group, the `run` as well."""
    caption: str
    data: Path
    """The JSON file that holds the scores; the episodes are beside it, as CSV."""
    figure: Path | None = None

    def __repr__(self) -> str:
        """Return the scores over all episodes, a line for each, for `print` and notebooks."""
        lines, forms = [f"Evaluation of {self._title()}:"], {m.name: m.form for m in self.metrics}
        for one in (score for score in self.scores if not score.group):
            where = ", ".join([one.player, *(f"{k} {v}" for k, v in one.situation.items())])
            numbers = (f"{name} {found.text(forms[name])}" for name, found in one.metrics.items())
            lines.append(f"  {where}: {', '.join(numbers)}")
        return "\n".join([*lines, f"  95 % intervals over {self.scores[0].n_of}; {self.data}"])

    def score(self, player: str = "agent", *, group: Any = None, **situation: str) -> Score:
        """Return one of the scores.

        Args:
            player: Name of the player.
            group: Value of the group's fact; `None` is all episodes together.
            situation: Properties of the situation; those that are left out may have any value.

        Raises:
            KeyError: If there is no such score.
        """
        for one in self.scores:
            alike = situation.items() <= one.situation.items()
            if alike and one.player == player and next(iter(one.group.values()), None) == group:
                return one
        raise KeyError((player, group, situation))

    def to_plain(self) -> dict[str, Any]:
        """Return the evaluation in plain values, for JSON."""
        return {
            **self.origin,
            "evaluator": self.world,
            "metrics": self.metrics,
            "settings": self.settings,
            "scores": self.scores,
            "table": plain_table(self.table()),
        }

    def table(self) -> Table:
        """Return a table for a terminal: a row for each situation, group and player."""
        first, scores = self.scores[0], self.scores
        shown = [one for one in self.metrics if any(one.name in s.metrics for s in scores)]
        groups = dict.fromkeys((key for score in scores for key in score.group), "all")
        apart = first.n_of == "seeds" or first.n_of.removesuffix("s") in self.episodes
        rows = []
        for agent in (one for one in scores if one.player == first.player):
            where = (agent.situation, agent.group)
            for score in (one for one in scores if (one.situation, one.group) == where):
                named = {**score.situation, **groups, **score.group}
                row: dict[str, Any] = {name: str(value) for name, value in named.items()}
                row |= {"player": score.player, "episodes" if apart else first.n_of: score.episodes}
                if apart:
                    row[first.n_of] = max((one.n for one in score.metrics.values()), default=0)
                rows.append(row | {one.name: score.metrics.get(one.name) for one in shown})
        spread = f"95 % intervals over {first.n_of}"
        spread += _HELD_OUT[self._runs[0].get("held_out", True)]
        equal = footnote_on_equal(one for score in scores for one in score.metrics.values())
        spread = "; ".join(filter(None, (spread, equal)))
        forms = {one.name: one.form for one in shown}
        return DataTable(self._title(), rows, self.caption, forms, spread=spread).table()

    @property
    def _runs(self) -> Sequence[Mapping[str, Any]]:
        runs: Sequence[Mapping[str, Any]] = self.origin.get("runs", [self.origin])
        return runs

    def _title(self) -> str:
        runs = self._runs
        ablated = ", ".join(f"{k} ({v})" for k, v in runs[0].get("ablate", {}).items())
        steered = ", ".join(f"{v['coeff']:g} × {v['file']}" for v in runs[0].get("steer", ()))
        names = [str(run["checkpoint"]) for run in runs]
        home = home_above(names)
        return (
            (f"{home}, {len(names)} seeds" if home else ", ".join(names))
            + (f", without {ablated}" if ablated else "")
            + (f", plus {steered}" if steered else "")
        )


def evaluate(
    source: AnyLoaded | Networks | Path | str,
    *,
    overrides: Settings = (),
    out: Path | str | None = None,
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Let a network play the games of its world; write `eval.json` and `eval.csv`.

    The world's evaluator determines the games, the metrics and the other players. The same settings
    give the same numbers. A group of seeds is evaluated seed by seed, each in its own folder, and
    its scores are means over the seeds.

    Args:
        source: A loaded network; or a run, a group of runs (`seed-*`), a checkpoint, a folder of
            shipped weights or a published `.pth`.
        overrides: Settings `key=value` on `eval.*` and on `env.*` or `corpus.*`;
            `ablate=REGION[:MODE],…` to ablate regions (see `parse_modes`); `steer=FILE:COEFF,…` to
            add vectors, after ablating; `env=EXPERIMENT` for published weights; `threads=N` for
            torch's CPU threads, which `choose_threads` chooses otherwise; `style=` and `width=` of
            the figure (see `Look`), if the world has one.
        out: Folder for `eval.json`, `eval-ablate-….json` or `eval-steer-….json`; `None` is
            `studies/eval` of the run or group.
        progress: Called with the player and situation, episodes done and wanted.

    Raises:
        ConfigError: If a setting is unknown or impossible, there is no region to ablate, or a
            vector does not fit.
        CheckpointError: If there is no network or no vector, or the network is for another world.
    """
    settings, named = split_settings(overrides, ("ablate", "steer", "env", THREADS.name, *_LOOK))
    threads = THREADS.read(named.pop(THREADS.name, None)) or choose_threads()
    networks = load_networks(source, named.pop("env", None))
    networks = replace(networks, progress=progress or networks.progress)
    if len(networks) > 1:
        with torch_threads(threads):
            return _evaluate_group(networks, overrides, out)
    loaded = networks.first
    evaluator, config = judged_by(loaded, settings)
    look = _look(evaluator, config, {one: named.pop(one) for one in _LOOK if one in named})
    changes = interventions_of(loaded, config, **named)
    folder = make_folder(networks.folder("eval") if out is None else out)
    with torch_threads(threads):
        played = list(_played(evaluator, loaded, config, changes, networks.progress))
    command = shlex.join(["chisel", "eval", str(loaded), *as_list(overrides)])
    origin = {
        "checkpoint": configs.agent_name(loaded.source),
        "sha256": loaded.digest,
        "env_steps": loaded.env_steps,
        "seed": config.eval.seed,
        "command": command,
        "config": configs.to_plain(config),
    }
    about = dict(evaluator.about(loaded, config))
    data = folder / f"eval{changes.name}.json"
    figure = evaluator.figure and save_figure(
        evaluator.figure(loaded, config), data.with_suffix(".png"), loaded.digest, look=look
    )
    evaluation = Evaluation(
        world_of(config),
        evaluator.metrics,
        tuple(score for scores, _ in played for score in scores),
        _settings(config, evaluator, about),
        origin | about | changes.to_plain(),
        _tidy([table for _, table in played]),
        evaluator.caption,
        data=data,
        figure=figure,
    )
    return _written(evaluation)


def _look(evaluator: Evaluator, config: RunConfig, given: Mapping[str, str]) -> Look:
    """Read style and width of the figure; refuse them if the world has no figure."""
    if given and evaluator.figure is None:
        raise ConfigError(f"{next(iter(given))}: evaluations in {world_of(config)} have no figure")
    return Look(**{name: _LOOK[name].read(value) for name, value in given.items()})


def _played(
    evaluator: Evaluator,
    loaded: AnyLoaded,
    config: RunConfig,
    changes: Interventions,
    progress: ProgressCallback,
) -> Iterator[tuple[list[Score], pd.DataFrame]]:
    """Yield scores and episodes of each player in each situation."""
    for situation in evaluator.situations:
        players = _players(evaluator, loaded, config, situation, changes)
        opened = evaluator.open(loaded, config, situation, paired=False)
        with refused_by_routing(loaded), opened as games:
            for number, player in enumerate(players):
                key = (config.eval.seed, *situation.key, number)
                words = [player.name, *(f"{k} {v}" for k, v in situation.named.items())]
                count = partial(progress, ", ".join(words))
                table = evaluator.table(games.play(player, key, count))
                scores = scores_of(evaluator, table, player, situation, key)
                yield scores, table.assign(player=player.name, **situation.named)


def _evaluate_group(networks: Networks, overrides: Settings, out: Path | str | None) -> Evaluation:
    folder, names = make_folder(networks.folder("eval") if out is None else out), networks.names
    homes = (None if out is None else folder / name for name in names)
    each = networks.each(
        lambda loaded, progress: evaluate(
            loaded, overrides=overrides, out=next(homes), progress=progress
        )
    )
    command = shlex.join(["chisel", "eval", networks.path, *as_list(overrides)])
    first = each[0]
    named = [one.episodes.assign(run=name) for one, name in zip(each, names, strict=True)]
    return _written(
        replace(
            first,
            scores=scores_over_seeds([one.scores for one in each]),
            origin={"command": command, "runs": [dict(one.origin) for one in each]},
            episodes=_tidy(named),
            data=folder / first.data.name,
        )
    )


def split_settings(overrides: Settings, keys: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Split settings into those of the config and those named by some keys, such as `ablate`.

    Raises:
        ConfigError: If one of the keys is given twice.
    """
    rest, named = [], {}
    for setting in as_list(overrides):
        key, _, value = setting.partition("=")
        if key not in keys:
            rest.append(setting)
        elif key in named:
            raise ConfigError(f"{setting}: {key} is given twice")
        else:
            named[key] = value
    return rest, named


def _players(
    evaluator: Evaluator,
    loaded: AnyLoaded,
    config: RunConfig,
    situation: Situation,
    changes: Interventions,
) -> list[Player]:
    """Return the players; under an intervention, without the network under another one."""
    agent, *others = evaluator.players(loaded, config, situation)
    if not changes.name:
        return [agent, *others]
    changed = replace(agent, context=changes, whole_batches=changes.whole_batches)
    return [changed, *(one for one in others if one.context is nullcontext)]


def _settings(config: RunConfig, evaluator: Evaluator, about: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that determine the games, as texts."""
    plain = configs.to_plain(config)
    parts = {key: plain[key] for key in ("eval", "env", "corpus") if plain.get(key) is not None}
    unused = {*_COPIES, *evaluator.irrelevant, *(() if evaluator.splits else ("eval.split",))}
    settings = {key: value for key, value in flatten(parts).items() if key not in unused}
    if "held_out" in about:
        settings["held out"] = about["held_out"]
    return {key: as_typed(value) for key, value in settings.items()}


def _tidy(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join tables, with the columns of player and situation first."""
    joined = pd.concat(tables, ignore_index=True)
    new = [name for name in ("run", "player") if name in joined]
    return joined[[*new, *(name for name in joined if name not in new)]]


def _written(evaluation: Evaluation) -> Evaluation:
    """Write the episodes, then the scores."""
    write_csv(evaluation.data.with_suffix(".csv"), evaluation.episodes)
    write_json(evaluation.data, evaluation.to_plain())
    return evaluation
