"""Evaluate an agent on mazes it has not seen, beside a policy that acts at random."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table

from chisel.analysis.ablation import parse_modes
from chisel.analysis.evaluation.ablation import ablation_of
from chisel.analysis.evaluation.held_out import PLACEMENTS, Placement, held_out, placements_of
from chisel.analysis.evaluation.interventions import (
    Interventions,
    evaluation_origin,
    split_settings,
)
from chisel.analysis.evaluation.playing import Policy, random_policy
from chisel.analysis.evaluation.scores import Player, Score, scores_by_size
from chisel.analysis.results import (
    ProgressCallback,
    Settings,
    maze_run,
    new_table,
    study_folder,
    take_agent,
    write_json,
)
from chisel.analysis.steering import steering_of
from chisel.configs import RunConfig
from chisel.models import Agent

_HELD_OUT = {
    True: "",
    False: "; training drew from all layouts or from these, so it may have seen some of them",
    None: "; it started from weights that do not say what they were trained on, so it may have "
    "seen some of these layouts",
}


@dataclass(frozen=True)
class Evaluation:
    """All scores of an agent, and where they come from."""

    scores: tuple[Score, ...]
    origin: dict[str, Any]
    """Checkpoint, digest, seed, command and config; whether the levels were held out from all its
    training (`None` if that is not known), and the splits it and its ancestors were trained on."""
    data: Path
    """The JSON file that holds all this."""

    def score(self, cheese: Placement, player: Player = "agent", size: int | None = None) -> Score:
        """Return one of the scores.

        Raises:
            KeyError: If no level was of this kind.
        """
        for score in self.scores:
            if (score.cheese, score.player, score.size) == (cheese, player, size):
                return score
        raise KeyError((cheese, player, size))

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"scores": [score.to_plain() for score in self.scores], **self.origin}

    def table(self) -> Table:
        """Return a table for a terminal, with the random policy's scores beside the agent's."""
        outcomes = self.scores[0].outcomes
        ablated = ", ".join(f"{k} ({v})" for k, v in self.origin.get("ablate", {}).items())
        steered = ", ".join(f"{v['coeff']:g} × {v['file']}" for v in self.origin.get("steer", ()))
        shares = [f"P({name})" for name in outcomes] or ["success"]
        table = new_table(
            title=str(self.origin["checkpoint"])
            + (f", without {ablated}" if ablated else "")
            + (f", plus {steered}" if steered else ""),
            caption="each layout weighs the same, with the mean of its levels; 95 % intervals over "
            "layouts; efficient: within twice the shortest path"
            + (" to the nearest goal" if outcomes else "")
            + f"; at random: {'cheese / corner' if outcomes else 'success / efficient'} of a "
            "policy that acts at random" + _HELD_OUT[self.origin["held_out"]],
            words=["cheese", "maze"],
            numbers=["levels", "layouts", *shares, "efficient", "return", "length", "at random"],
        )
        for score in self.scores:
            if score.player == "agent":
                table.add_row(*self._cells(score))
        return table

    def _cells(self, score: Score) -> list[str]:
        size = "all" if score.size is None else f"{score.size}x{score.size}"
        missing = f" (+{score.without_cheese} without cheese)" if score.without_cheese else ""
        random = self.score(score.cheese, "random", score.size)
        pair = (random.success, random.efficient)
        if random.outcomes:
            pair = (random.outcomes["cheese"], random.outcomes["corner"])
        return [
            score.cheese,
            size,
            f"{score.episodes - score.without_cheese:,}{missing}",
            f"{score.layouts:,}",
            *(share.text(".2f") for share in score.outcomes.values() or [score.success]),
            score.efficient.text(".2f"),
            score.ret.text(".1f"),
            score.length.text(".0f"),
            " / ".join(f"{share.value:.2f}" for share in pair),
        ]


def evaluate(
    agent: Agent | Path | str,
    *,
    overrides: Settings = (),
    out: Path | str | None = None,
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Play held-out levels, with the cheese as in training and anywhere, and write `eval.json`.

    Every level is played once by the agent and once by a policy that acts at random; actions are
    sampled. With two goals all levels have a decision square. The same settings give the same
    numbers.

    Args:
        agent: An agent, or where to load one from.
        overrides: `key=value` on `eval.*` and `env.*`; `ablate=REGION[:MODE],…` to switch regions
            off (see `parse_modes`); `steer=FILE:COEFF,…` to add vectors (after ablating, where both
            are given); `env=EXPERIMENT` for published weights.
        out: Folder for `eval.json`, `eval-ablate-….json` or `eval-steer-….json`; `None` is
            `studies/eval` of the run.
        progress: Called with the player and placement, episodes done and wanted.

    Raises:
        ConfigError: If a setting is unknown or impossible, there is no region to ablate, or a
            vector does not fit.
        CheckpointError: If there is no agent or no vector, or the network is for another
            environment.
    """
    settings, named = split_settings(overrides, ("ablate", "steer", "env"))
    modes = parse_modes(named["ablate"]) if "ablate" in named else {}
    loaded = take_agent(agent, env=named.get("env"))
    config = maze_run(loaded, settings)
    steering = steering_of(loaded, named["steer"]) if "steer" in named else None
    changes = Interventions(ablation_of(loaded, config, modes) if modes else None, steering)
    folder = study_folder(loaded, "eval", out)
    scores = [
        score
        for placement in placements_of(config.env)
        for score in _scores_of(loaded, config, placement, changes, progress)
    ]
    origin = evaluation_origin(loaded, config, overrides) | {
        "levels": config.eval.levels,
        "held_out": _held_out(loaded, config.eval.split),
        "trained_on": None if loaded.trained_on is None else list(loaded.trained_on),
        **changes.to_plain(),
    }
    evaluation = Evaluation(tuple(scores), origin, folder / f"eval{changes.name}.json")
    write_json(evaluation.data, evaluation.to_plain())
    return evaluation


def _held_out(agent: Agent, split: str) -> bool | None:
    """Return whether all training, its ancestors' too, kept away from the layouts played here.

    `None`: it is not known on what the weights it started from were trained.
    """
    if split == "all":
        return False
    if agent.trained_on is not None:
        return not {"all", split} & set(agent.trained_on)
    own = "all" if agent.config is None else agent.config.env.levels.split
    return False if own in ("all", split) else None


def _scores_of(
    agent: Agent,
    config: RunConfig,
    placement: Placement,
    changes: Interventions,
    progress: ProgressCallback | None,
) -> list[Score]:
    scores = []
    with held_out(agent, config, placement) as mazes:
        random = random_policy(agent.spaces.num_actions)
        players: tuple[tuple[Player, Policy], ...] = (("agent", agent.policy), ("random", random))
        for player, policy in players:
            stream = _stream(config.eval.seed, placement, player)
            label = f"{player}, cheese {placement}"
            acts = player == "agent"
            facts = mazes.play(
                policy,
                torch.Generator().manual_seed(int(stream.integers(2**62))),
                context=changes if acts else nullcontext,
                whole_batches=acts and changes.whole_batches,
                progress=None if progress is None else functools.partial(progress, label),
            )
            two_goals = config.env.goals != "cheese"
            scores += scores_by_size(facts, placement, player, stream, two_goals=two_goals)
    return scores


def _stream(seed: int, placement: Placement, player: Player) -> np.random.Generator:
    """Return a generator of its own for each combination, so that none changes with another."""
    return np.random.default_rng([seed, PLACEMENTS.index(placement), player == "random"])
