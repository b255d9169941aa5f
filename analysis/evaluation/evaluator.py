"""How agents are judged in a world: its metrics, its games, who plays beside, how it is drawn.

A world's evaluator is made by the function that is registered under its name (kind `evaluator`).
A world without one is judged by what the contract of environments promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel import configs, envs
from chisel.analysis.evaluation.moments import (
    Contrast,
    Decisions,
    likeliest_decisions,
    played_sample,
    successes_and_failures,
)
from chisel.analysis.evaluation.playing import Facts, Split, play, random_policy
from chisel.analysis.probes import Sample
from chisel.analysis.results import require_spaces, rounding_of
from chisel.configs import ConfigError, RunConfig, registry
from chisel.models import Agent, Loaded, as_agent

AnyLoaded = Loaded[Any]
Context = Callable[[], AbstractContextManager[Any]]
Count = Callable[[int, int], None]
"""Called with numbers done and wanted."""


@dataclass(frozen=True)
class Metric:
    """A number by which agents are judged."""

    name: str
    within: tuple[float, float] | None = None
    """The least and the largest value that it can have, if that is known: (0, 1) for a share,
    (0, inf) for a number of cells."""
    better: Literal["higher", "lower"] | None = None
    of: str | Callable[[Facts], NDArray[Any]] | None = field(default=None, repr=False)
    """Its value in each episode `[E]`: the name of a fact, or a function of facts; NaN where it
    says nothing about the episode. `None`: the fact of the metric's name."""
    whole: Callable[[Facts], float] | None = field(default=None, repr=False)
    """For what is no mean over episodes, a function of the columns of all of them together."""
    form: str = field(default=".2f", repr=False)
    """Format in tables."""

    def values(self, facts: Facts) -> NDArray[np.float64]:
        """Return the metric in each episode `[E]`.

        Raises:
            ConfigError: If there is no such fact, or a value is out of range.
        """
        of = self.name if self.of is None else self.of
        if isinstance(of, str) and of not in facts:
            known = ", ".join(facts)
            raise ConfigError(f"metric {self.name}: episodes have no fact {of!r}, only {known}")
        values = np.asarray(facts[of] if isinstance(of, str) else of(facts), np.float64)
        within = self.within or (-np.inf, np.inf)
        outside = np.abs(values - values.clip(*within))  # NaN stays NaN
        if (outside > rounding_of(within)).any():
            ends = f"{np.nanmin(values):g}…{np.nanmax(values):g}"
            raise ConfigError(f"metric {self.name}: values {ends} are not within {self.within}")
        return values


RETURN = Metric("return", better="higher", of="r")
LENGTH = Metric("length", of="l", form=".1f")
SUCCESS = Metric("success", (0.0, 1.0), "higher")


def ends_as(outcome: int) -> Callable[[Facts], NDArray[np.float64]]:
    """Return for a metric whether the fact `outcome` of an episode is this one; NaN is none."""
    return lambda facts: np.where(np.isnan(facts["outcome"]), np.nan, facts["outcome"] == outcome)


CONTRACT = (SUCCESS, RETURN, LENGTH)
"""Metrics of any environment; see `envs.StatefulVectorEnv`."""


@dataclass(frozen=True)
class Situation:
    """One of the ways in which the games of a world are set up."""

    named: Mapping[str, str] = field(default_factory=dict)
    """What is different in it, like `{"cheese": "anywhere"}`; empty where there is only one."""
    key: tuple[int, ...] = ()
    """Numbers that tell its random draws from those of others."""


@dataclass(frozen=True)
class Player:
    """Someone who plays."""

    name: str
    policy: Callable[[torch.Tensor], Any]
    """Observations to logits."""
    context: Context = nullcontext
    """Context to run the policy in, such as an intervention."""
    whole_batches: bool = False
    """Whether the policy needs the observations of finished games too; see `play`."""
    greedy: bool = False
    """Whether it takes the likeliest actions."""


class Games(Protocol):
    """Games that can be played as often as one likes: always the same ones for the same key."""

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        """Let someone play; return the facts about each episode `[E, ...]`.

        Args:
            player: Who plays.
            key: Numbers that the random draws are made from.
            progress: Called with episodes done and wanted.
        """
        ...


class Open(Protocol):
    """How the games of a world are opened."""

    def __call__(
        self, loaded: AnyLoaded, config: RunConfig, situation: Situation, *, paired: bool
    ) -> AbstractContextManager[Games]:
        """Open the games that `config.eval` asks for.

        Args:
            loaded: What is to play.
            config: The world, and how many games.
            situation: How they are set up.
            paired: Whether whoever plays must get the same games, one episode of each, so that
                episodes can be compared one by one.
        """
        ...


def actions_of(key: Sequence[int]) -> torch.Generator:
    """Return the generator of a player's actions: a lone number seeds it directly."""
    seed = key[0] if len(key) == 1 else int(np.random.default_rng(key).integers(2**62))
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Rounds:
    """Games of any environment: in each round every copy plays one episode from a fresh seed."""

    env: Any
    count: int
    seed: int

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        """Play `count` episodes; see `Games`. The fact `game` is the number of the episode."""
        actions, copies, played = actions_of(key), self.env.num_envs, []
        for first in range(0, self.count, copies):
            fresh = np.random.SeedSequence([self.seed, first]).generate_state(1)[0]
            facts = play(
                player.policy,
                self.env,
                episodes_per_env=1,
                generator=actions,
                seed=int(fresh) if first else self.seed,
                context=player.context,
                whole_batches=player.whole_batches,
                greedy=player.greedy,
            )
            played.append(facts | {"game": first + facts.pop("env")})
            if progress is not None:
                progress(min(first + copies, self.count), self.count)
        return {k: np.concatenate([one[k] for one in played])[: self.count] for k in played[0]}


@contextmanager
def open_rounds(
    loaded: AnyLoaded, config: RunConfig, situation: Situation, *, paired: bool
) -> Iterator[Rounds]:
    """Open `eval.levels` games of any environment, `eval.num_envs` side by side; see `Open`.

    Raises:
        CheckpointError: If the agent is for another environment.
    """
    options = config.eval
    copies = min(options.num_envs, options.levels)
    with closing(envs.make(config.env, seed=options.seed, num_envs=copies)) as env:
        require_spaces(as_agent(loaded), env)
        yield Rounds(env, options.levels, options.seed)


def agent_and_random(
    loaded: AnyLoaded, config: RunConfig, situation: Situation
) -> Sequence[Player]:
    """Return the agent, and beside it the policy that takes every action equally often."""
    random = Player("random", random_policy(loaded.spaces.num_actions))
    return Player("agent", loaded.policy, greedy=config.eval.greedy), random


@dataclass(frozen=True)
class Film:
    """How a world's moments are drawn."""

    open: Callable[[RunConfig, int], Any]
    """Make an environment of so many copies that is not drawn from while training."""
    pictures: Callable[[Any], Sequence[NDArray[np.uint8]]]
    """Draw each copy of the environment as it is now, uint8 `[H, W, 3]`."""


def rendered_film() -> Film:
    """Return the film of an environment whose `render` gives a picture of each copy."""
    return Film(
        lambda config, copies: envs.make(config.env, seed=config.eval.seed, num_envs=copies),
        lambda env: env.render(),
    )


@dataclass(frozen=True)
class Evaluator:
    """How agents are judged in a world. The defaults are those of any environment."""

    metrics: tuple[Metric, ...] = CONTRACT
    units: str = "episodes"
    """What the pieces of evidence are called. Where there is a fact of that name in the singular,
    like `layout` for layouts, its equal values are one piece; else each row of the table is."""
    group: str | None = None
    """Fact that scores are broken down by as well."""
    splits: tuple[str, ...] = ()
    """Values of `eval.split` that there are; without any, the option is refused."""
    situations: tuple[Situation, ...] = (Situation(),)
    open: Open = open_rounds
    players: Callable[[AnyLoaded, RunConfig, Situation], Sequence[Player]] = agent_and_random
    """The agent first, and those it is compared with. Others that are the agent under an
    intervention (with a `context`) are left out where another intervention is asked for."""
    counted: Callable[[Facts], NDArray[np.bool_]] | None = None
    """Says which episodes metrics are about `[E]`, in others they are NaN. `None`: all."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Options of the environment whose values are part of how agents are judged."""
    irrelevant: tuple[str, ...] = ()
    """Settings, besides the number of copies, that change nothing about the games."""
    about: Callable[[AnyLoaded, RunConfig], Mapping[str, Any]] = lambda loaded, config: {}
    """More facts about an evaluation, for its JSON."""
    caption: str = ""
    """Words under the table."""
    sample: Callable[[Agent, RunConfig, Sequence[int], int], Sample] = played_sample
    """Returns moments for probes, and what these may predict; see `played_sample`."""
    decisions: Callable[..., Decisions] = likeliest_decisions
    """Returns decisions for attributions; see `likeliest_decisions`."""
    contrasts: Mapping[str, Contrast] = field(
        default_factory=lambda: {"success": successes_and_failures}
    )
    """By name two sets of moments that differ in one thing, for steering vectors."""
    film: Film | None = None
    figure: Callable[[AnyLoaded, RunConfig], Figure] | None = None
    """Draws a picture that is written beside the numbers."""

    @property
    def unit(self) -> str:
        """Name of the fact whose equal values are one piece of evidence, if there is one."""
        return self.units.removesuffix("s")

    def table(self, facts: Facts) -> pd.DataFrame:
        """Return a row for each episode: the metrics as floats, then the facts."""
        of_episodes = [one for one in self.metrics if one.whole is None]
        columns = {one.name: one.values(facts) for one in of_episodes}
        if self.counted is not None:
            counted = self.counted(facts)
            columns = {name: np.where(counted, one, np.nan) for name, one in columns.items()}
        shown = {*columns, *(one.of for one in of_episodes)}
        for name, values in ((k, v) for k, v in facts.items() if k not in shown):
            wide = values.ndim > 1
            flat = values.reshape(len(values), -1).T if wide else [values]
            columns |= {f"{name}_{n}" if wide else name: one for n, one in enumerate(flat)}
        return pd.DataFrame(columns)


def world_of(config: RunConfig) -> str:
    """Return the name of the environment or the corpus of a run."""
    return str((config.env if config.env is not None else config.corpus).name)


def evaluator_of(config: RunConfig) -> Evaluator:
    """Return the evaluator of a run's world.

    Raises:
        ConfigError: If it cannot be loaded, or the run learnt from a corpus that has none.
    """
    name = world_of(config)
    if name in registry.names("evaluator"):
        made: Evaluator = registry.resolve("evaluator", name)(config)
        return made
    if config.env is None:
        raise ConfigError(f"corpus {name!r} has no evaluator; register one under its name")
    return Evaluator()


def judged_by(loaded: AnyLoaded, settings: Sequence[str] = ()) -> tuple[Evaluator, RunConfig]:
    """Return the evaluator of a network's world, and the config that it is evaluated under.

    Args:
        loaded: The network.
        settings: `key=value` on `eval.*` and `env.*` (or `corpus.*`).

    Raises:
        ConfigError: If there is no config, or a setting is unknown, impossible or without effect.
    """
    config = loaded.config
    if config is None:
        raise ConfigError(f"{loaded.source} carries no config; say env=EXPERIMENT, like maze/hard")
    part = "env" if config.corpus is None else "corpus"
    for setting in settings:
        if not setting.startswith(("eval.", f"{part}.")):
            raise ConfigError(f"{setting}: an evaluation takes eval.*=VALUE and {part}.*=VALUE")
    config = configs.override(config, list(settings)) if settings else config
    evaluator, split = evaluator_of(config), config.eval.split
    if evaluator.fixed:
        config = replace(config, env=replace(config.env, **evaluator.fixed))
    for setting in settings:
        key = setting.partition("=")[0]
        group, name = key.split(".")[:2]
        if group == part and name in evaluator.fixed:
            value = configs.flatten(configs.to_plain(config))[key]
            raise ConfigError(f"{setting}: agents are always judged with {key}={value}")
        if key == "eval.split" and not evaluator.splits:
            raise ConfigError(f"{setting}: {world_of(config)!r} has no splits; leave it out")
    if evaluator.splits and split not in evaluator.splits:
        raise ConfigError(f"eval.split = {split}: one of {', '.join(evaluator.splits)}")
    return evaluator, config


def other_games(evaluator: Evaluator, config: RunConfig, levels: int) -> RunConfig:
    """Return the config of games that are not those of the config, for what must be independent.

    They are of another split, and so many levels; where there are no splits, of another seed.
    """
    options = config.eval
    if not evaluator.splits:
        return replace(config, eval=replace(options, seed=options.seed + 1))
    split: Split = "train" if options.split == "validation" else "validation"
    if config.corpus is None:
        options = replace(options, levels=levels)
    return replace(config, eval=replace(options, split=split))
