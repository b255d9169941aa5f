"""How well an agent does on mazes it has not seen, beside a policy that acts at random."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from analysis.output import provenance, study_folder, write_json
from analysis.play import Policy, play, random_policy
from analysis.settings import Settings, as_list, maze_run, require_spaces, take_agent
from analysis.stats import Estimate, bootstrap_mean, proportion
from configs import ConfigError, RunConfig
from envs.maze import make_evaluation
from models import Agent

Placement = Literal["as-trained", "anywhere"]
Player = Literal["agent", "random"]
PLACEMENTS: tuple[Placement, ...] = ("as-trained", "anywhere")

EFFICIENT = 2
"""Success is efficient within this many times the shortest path."""

_NOT_HELD_OUT = "training drew from all layouts, so it may have seen some of these"

_LATER = {
    "ablate": "regions to ablate come with gradient routing, which this version has not",
    "steer": "steering vectors come with interventions, which this version has not",
}


@dataclass(frozen=True)
class Score:
    """How one player did on the levels of one kind."""

    cheese: Placement
    """Where the cheese lay: where training puts it, or anywhere in the maze."""
    player: Player
    size: int | None
    """Side of the mazes in cells; None is all of them together."""
    episodes: int
    without_cheese: int
    """Episodes with no cheese to find: counted here and left out of everything below."""
    success: Estimate
    """Share of episodes that end at the cheese."""
    efficient: Estimate
    """Share that end there within twice the shortest path."""
    ret: Estimate
    """Undiscounted return, 10 for the cheese."""
    length: Estimate
    """Steps."""


@dataclass(frozen=True)
class Evaluation:
    """All scores of an agent, and how they came about."""

    scores: tuple[Score, ...]
    origin: dict[str, Any]
    """Checkpoint, digest, seed, command and config, and whether the levels were held out."""
    data: Path
    """The JSON file that holds all this."""

    def score(self, cheese: Placement, player: Player = "agent", size: int | None = None) -> Score:
        """One of the scores.

        Raises:
            KeyError: If no level was of this kind.
        """
        for score in self.scores:
            if (score.cheese, score.player, score.size) == (cheese, player, size):
                return score
        raise KeyError((cheese, player, size))

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        scores = []
        for score in self.scores:
            plain = asdict(score)
            for name in ("success", "efficient", "ret", "length"):
                plain[name] = getattr(score, name).to_plain()
            scores.append(plain | {"return": plain.pop("ret")})
        return {"scores": scores, **self.origin}

    def table(self) -> Table:
        """The scores for a terminal, those of the random policy beside the agent's."""
        table = Table(
            title=str(self.origin["checkpoint"]),
            caption="95 % intervals; efficient: within twice the shortest path; "
            "at random: success / efficient of a policy that acts at random"
            + ("" if self.origin["held_out"] else f"; {_NOT_HELD_OUT}"),
            title_justify="left",
            caption_justify="left",
            title_style="bold",
            box=None,
        )
        for column in ("cheese", "maze"):
            table.add_column(column)
        for column in ("n", "success", "efficient", "return", "length", "at random"):
            table.add_column(column, justify="right")
        for score in self.scores:
            if score.player == "agent":
                table.add_row(*self._cells(score))
        return table

    def _cells(self, score: Score) -> list[str]:
        size = "all" if score.size is None else f"{score.size}x{score.size}"
        missing = f" (+{score.without_cheese} without cheese)" if score.without_cheese else ""
        chance = self.score(score.cheese, "random", score.size)
        return [
            score.cheese,
            size,
            f"{score.success.n}{missing}",
            _shown(score.success, 2),
            _shown(score.efficient, 2),
            _shown(score.ret, 1),
            _shown(score.length, 0),
            f"{chance.success.value:.2f} / {chance.efficient.value:.2f}",
        ]


def evaluate(
    agent: Agent | Path | str,
    *,
    overrides: Settings = (),
    out: Path | str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Play held-out levels, with the cheese as in training and anywhere, and write `eval.json`.

    Every level is played once by the agent and once by a policy that acts at random; actions are
    sampled. The same settings give the same numbers.

    Args:
        agent: An agent, or where to load one from.
        overrides: `key=value` on `eval.*` and `env.*`; `env=EXPERIMENT` for published weights.
        out: Folder for `eval.json`; None is `studies/eval` of the run.
        progress: Called with what is played, episodes done and wanted.

    Raises:
        ConfigError: If a setting is unknown or impossible.
        CheckpointError: If there is no agent, or its network is for another environment.
    """
    settings, experiment = _split(as_list(overrides))
    loaded = take_agent(agent, env=experiment)
    config = maze_run(loaded, settings)
    scores = [
        score
        for placement in PLACEMENTS
        for score in _scores_of(loaded, config, placement, progress)
    ]
    words = ["chisel", "eval", str(loaded.source), *as_list(overrides)]
    origin = provenance(loaded, config, seed=config.eval.seed, command=shlex.join(words))
    data = study_folder(loaded, "eval", out) / "eval.json"
    origin |= {"levels": config.eval.levels, "held_out": _held_out(loaded, config.eval.split)}
    evaluation = Evaluation(tuple(scores), origin, data)
    write_json(data, evaluation.to_plain())
    return evaluation


def _held_out(agent: Agent, split: str) -> bool:
    """Whether training kept away from the layouts that are played here."""
    trained_on = "all" if agent.config is None else agent.config.env.levels.split
    return trained_on not in ("all", split) and split != "all"


def _split(settings: list[str]) -> tuple[list[str], str | None]:
    """Settings of the config, and the experiment named by a bare `env=`."""
    rest, experiment = [], None
    for setting in settings:
        key, _, value = setting.partition("=")
        if key in _LATER:
            raise ConfigError(f"{setting}: {_LATER[key]}")
        if key == "env":
            experiment = value
        else:
            rest.append(setting)
    return rest, experiment


def _scores_of(
    agent: Agent,
    config: RunConfig,
    placement: Placement,
    progress: Callable[[str, int, int], None] | None,
) -> list[Score]:
    options = config.eval
    env, bank = make_evaluation(
        config.env,
        levels=options.levels,
        split=options.split,
        seed=options.seed,
        cheese=placement,
        num_envs=options.num_envs,
    )
    scores = []
    try:
        chance = random_policy(require_spaces(agent, env).num_actions)
        players: tuple[tuple[Player, Policy], ...] = (("agent", agent.policy), ("random", chance))
        for player, policy in players:
            stream = _stream(options.seed, placement, player)
            label = f"{player}, cheese {placement}"
            facts = play(
                policy,
                env,
                episodes_per_env=-(-len(bank) // env.num_envs),
                generator=torch.Generator().manual_seed(int(stream.integers(2**62))),
                seed=options.seed,
                progress=None if progress is None else functools.partial(progress, label),
            )
            scores += _by_size(facts, placement, player, stream)
    finally:
        env.close()
    return scores


def _stream(seed: int, placement: Placement, player: Player) -> np.random.Generator:
    """Draws of their own for each combination, so that none changes when another does."""
    return np.random.default_rng([seed, PLACEMENTS.index(placement), player == "random"])


def _by_size(
    facts: dict[str, NDArray[Any]],
    placement: Placement,
    player: Player,
    generator: np.random.Generator,
) -> list[Score]:
    """Scores of all mazes together, then of each size."""
    # In the last round some games have no level left and play an old one again.
    facts = {key: values[facts["level_index"] >= 0] for key, values in facts.items()}
    sizes: list[int | None] = [None, *np.unique(facts["size"]).tolist()]
    scores = []
    for size in sizes:
        chosen = np.ones(len(facts["size"]), bool) if size is None else facts["size"] == size
        solvable = chosen & (facts["shortest_path"] >= 0)
        solved = facts["success"][solvable]
        efficient = solved & (facts["l"][solvable] <= EFFICIENT * facts["shortest_path"][solvable])
        scores.append(
            Score(
                cheese=placement,
                player=player,
                size=size,
                episodes=int(chosen.sum()),
                without_cheese=int((chosen & ~solvable).sum()),
                success=proportion(int(solved.sum()), len(solved)),
                efficient=proportion(int(efficient.sum()), len(solved)),
                ret=bootstrap_mean(facts["r"][solvable], generator),
                length=bootstrap_mean(facts["l"][solvable], generator),
            )
        )
    return scores


def _shown(estimate: Estimate, digits: int) -> str:
    if np.isnan(estimate.low):
        return f"{estimate.value:.{digits}f}"
    ends = f"{estimate.low:.{digits}f}, {estimate.high:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({ends})"
