"""Define how agents are judged in a world: metrics, games, players, pictures.

A world's evaluator is made by the function that is registered under its name (kind `evaluator`).
In a world without an evaluator, agents are judged by the facts that every environment reports.
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
"""Function that is called with the numbers done and wanted."""


@dataclass(frozen=True)
class Metric:
    """A number by which agents are judged."""

    name: str
    within: tuple[float, float] | None = None
    """Smallest and largest possible value, if they are known: (0, 1) for a share, (0, inf) for a
    number of cells."""
    better: Literal["higher", "lower"] | None = None
    of: str | Callable[[Facts], NDArray[Any]] | None = field(default=None, repr=False)
    """Source of the value in each episode `[E]`: the name of a fact, or a function of facts, which
    returns NaN for episodes without a value. `None`: the fact of the metric's name."""
    whole: Callable[[Facts], float] | None = field(default=None, repr=False)
    """Function from the columns of all episodes to the metric, if it is no mean over episodes."""
    form: str = field(default=".2f", repr=False)
    """Format of the number in tables."""

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
    """Return the function for a metric of whether episodes end with an outcome; NaN without one."""
    return lambda facts: np.where(np.isnan(facts["outcome"]), np.nan, facts["outcome"] == outcome)


CONTRACT = (SUCCESS, RETURN, LENGTH)
"""Metrics of any environment; see `envs.StatefulVectorEnv`."""


@dataclass(frozen=True)
class Situation:
    """One of the ways in which the games of a world are set up."""

    named: Mapping[str, str] = field(default_factory=dict)
    """Properties that distinguish it, like `{"cheese": "anywhere"}`; empty if it is the only one.
    """
    key: tuple[int, ...] = ()
    """Part of the seed that makes its random draws different from those of other situations."""


@dataclass(frozen=True)
class Player:
    """A policy that plays, with the way in which it is run."""

    name: str
    policy: Callable[[torch.Tensor], Any]
    """Function from observations to logits."""
    context: Context = nullcontext
    """Context in which the policy is run, such as an intervention."""
    whole_batches: bool = False
    """Whether the policy needs the observations of finished games too; see `play`."""
    greedy: bool = False
    """Whether the likeliest actions are taken, instead of sampled ones."""


class Games(Protocol):
    """Games that can be played any number of times, and are the same for the same key."""

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        """Let a player play, and return the facts about each episode `[E, ...]`.

        Args:
            player: The player.
            key: Seed of the random draws, as several numbers.
            progress: Called with episodes done and wanted.
        """
        ...


class Open(Protocol):
    """A function that opens the games of a world."""

    def __call__(
        self, loaded: AnyLoaded, config: RunConfig, situation: Situation, *, paired: bool
    ) -> AbstractContextManager[Games]:
        """Open the games of `config.eval`.

        Args:
            loaded: Network that is to play.
            config: Config of the world, and number of games.
            situation: Situation in which the games are set up.
            paired: Whether all players must get the same games, one episode of each, so that
                episodes can be compared one by one.
        """
        ...


def actions_of(key: Sequence[int]) -> torch.Generator:
    """Return the generator of a player's actions, which a single number seeds directly."""
    seed = key[0] if len(key) == 1 else int(np.random.default_rng(key).integers(2**62))
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Rounds:
    """Games of any environment. In each round every copy plays one episode from a fresh seed."""

    env: Any
    count: int
    seed: int

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        """Play `count` episodes (see `Games`); their number is the additional fact `game`."""
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
    """Return the agent, and the policy that takes every action with the same probability."""
    random = Player("random", random_policy(loaded.spaces.num_actions))
    return Player("agent", loaded.policy, greedy=config.eval.greedy), random


@dataclass(frozen=True)
class Film:
    """Functions that draw a world's games."""

    open: Callable[[RunConfig, int], Any]
    """Function from a config and a number of copies to an environment, whose levels are not those
    of training."""
    pictures: Callable[[Any], Sequence[NDArray[np.uint8]]]
    """Function that draws each copy of the environment as it is now, uint8 `[H, W, 3]`."""


def rendered_film() -> Film:
    """Return the film of an environment whose `render` gives a picture of each copy."""
    return Film(
        lambda config, copies: envs.make(config.env, seed=config.eval.seed, num_envs=copies),
        lambda env: env.render(),
    )


@dataclass(frozen=True)
class Evaluator:
    """A description of how agents are judged in a world. The defaults suit any environment."""

    metrics: tuple[Metric, ...] = CONTRACT
    units: str = "episodes"
    """Name of the units over which intervals are. If there is a fact of that name in the singular,
    like `layout` for layouts, episodes with equal values are one unit; otherwise each row of the
    table is one."""
    group: str | None = None
    """Fact by whose values scores are grouped as well."""
    splits: tuple[str, ...] = ()
    """Possible values of `eval.split`; without any, the option is refused."""
    situations: tuple[Situation, ...] = (Situation(),)
    open: Open = open_rounds
    players: Callable[[AnyLoaded, RunConfig, Situation], Sequence[Player]] = agent_and_random
    """Function that returns the players: first the agent, then those it is compared with. Players
    that are the agent under an intervention (with a `context`) are left out if the evaluation has
    another intervention."""
    counted: Callable[[Facts], NDArray[np.bool_]] | None = None
    """Function that returns whether each episode counts `[E]`; metrics of others are NaN. `None`:
    all count."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Options of the environment that have the same values for all agents."""
    irrelevant: tuple[str, ...] = ()
    """Settings, besides the number of copies, that do not change the games."""
    about: Callable[[AnyLoaded, RunConfig], Mapping[str, Any]] = lambda loaded, config: {}
    """Function that returns further facts about an evaluation, for its JSON."""
    caption: str = ""
    """Text under the table."""
    sample: Callable[[Agent, RunConfig, Sequence[int], int], Sample] = played_sample
    """Function that returns moments and targets for probes; see `played_sample`."""
    decisions: Callable[..., Decisions] = likeliest_decisions
    """Function that returns decisions for attributions; see `likeliest_decisions`."""
    contrasts: Mapping[str, Contrast] = field(
        default_factory=lambda: {"success": successes_and_failures}
    )
    """Functions that return two sets of moments that differ in one thing, for steering vectors, by
    name."""
    film: Film | None = None
    figure: Callable[[AnyLoaded, RunConfig], Figure] | None = None
    """Function that draws the figure of an evaluation."""

    @property
    def unit(self) -> str:
        """Name of the fact whose equal values are one unit, if there is one."""
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
        ConfigError: If the evaluator cannot be loaded, or the run's corpus has none.
    """
    name = world_of(config)
    if name in registry.names("evaluator"):
        made: Evaluator = registry.resolve("evaluator", name)(config)
        return made
    if config.env is None:
        raise ConfigError(f"corpus {name!r} has no evaluator; register one under its name")
    return Evaluator()


def judged_by(loaded: AnyLoaded, settings: Sequence[str] = ()) -> tuple[Evaluator, RunConfig]:
    """Return the evaluator of a network's world, and the config under which it is evaluated.

    Args:
        loaded: The network.
        settings: Settings `key=value` on `eval.*` and `env.*` (or `corpus.*`).

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
    """Return the config of `levels` games that are independent of those of a config.

    They are from another split or, in worlds without splits, from another seed.
    """
    options = config.eval
    if not evaluator.splits:
        return replace(config, eval=replace(options, seed=options.seed + 1))
    split: Split = "train" if options.split == "validation" else "validation"
    if config.corpus is None:
        options = replace(options, levels=levels)
    return replace(config, eval=replace(options, split=split))
