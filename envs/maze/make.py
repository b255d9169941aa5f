"""From a config to a maze environment, for training and for evaluation."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from chisel.configs import WORLD_SIZE
from chisel.configs.errors import ConfigError
from chisel.configs.schema import MazeConfig
from chisel.envs.maze.building import BankRecipe, build_bank
from chisel.envs.maze.cheese import RegionCheese
from chisel.envs.maze.dealing import BankDealer, Dealer, StreamDealer
from chisel.envs.maze.goals import corner_of
from chisel.envs.maze.levels import LevelBank
from chisel.envs.maze.options import check_maze, checked_sizes, look_of, max_size
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import FREE
from chisel.envs.maze.vector import MazeVectorEnv
from chisel.envs.maze.views import PixelView, SymbolicView, View

SplitName = Literal["all", "train", "validation", "test"]
Cheese = Literal["as-trained", "anywhere"]


def make_maze(config: MazeConfig, *, seed: int, num_envs: int | None = None) -> MazeVectorEnv:
    """The environment an agent is trained in.

    Args:
        config: Which mazes.
        seed: Decides levels, cheese and, with `levels.bank`, which levels are in the bank.
        num_envs: Mazes side by side; None takes `config.num_envs`.

    Raises:
        ConfigError: If the options do not go together.
        EnvironmentFault: If procgen is not installed.
    """
    num_envs = config.num_envs if num_envs is None else num_envs
    check_maze(dataclasses.replace(config, num_envs=num_envs))
    cheese = cheese_of(config)
    dealer: Dealer
    if config.levels.bank:
        make_bank = functools.partial(
            build_bank, training_recipe(config), threads=config.num_threads
        )
        dealer = BankDealer(make_bank, seed, cheese=cheese, timeout=config.timeout)
    else:
        dealer = StreamDealer(cheese, config.timeout)
    return _assemble(config, dealer, num_envs, seed)


def make_evaluation(
    config: MazeConfig,
    *,
    levels: int,
    split: SplitName = "test",
    seed: int = 0,
    cheese: Cheese = "as-trained",
    num_envs: int = 64,
    sizes: Sequence[int] | None = None,
    decision: bool = False,
) -> tuple[MazeVectorEnv, LevelBank]:
    """An environment that deals each of `levels` levels exactly once, and those levels.

    Game i of N plays levels i, i + N, i + 2N, … of the bank; `infos["episode"]["level_index"]`
    says which, and is -1 in episodes beyond the last level. The levels come from all of procgen's
    seeds, whatever range the agent was trained on; nothing random is shared with training.

    Args:
        config: What the agent was trained on.
        levels: Number of levels.
        split: Which layouts, whatever split the agent was trained on.
        seed: Decides the levels and, as trained in a region, their cheese cells.
        cheese: As in training, or anywhere in the maze (procgen's own placement).
        num_envs: Mazes side by side; never more than there are levels.
        sizes: Sides of the inner mazes; None means all that training allows.
        decision: Only levels where neither of cheese and top-right corner lies on the path to the
            other, so that the mouse shows which one it wants.

    Raises:
        ConfigError: If a size is impossible or too few levels exist.
        EnvironmentFault: If procgen is not installed.
    """
    check_maze(config)
    if min(levels, num_envs) < 1:
        raise ConfigError(f"levels = {levels} and num_envs = {num_envs}: at least 1 of each")
    recipe = BankRecipe(
        look=look_of(config),
        count=levels,
        sizes=checked_sizes(config, sizes),
        split=split,
        cheese=cheese_of(config, cheese),
        decision=decision,
    )
    # Keeps the streams apart from those of a training run with the same seed.
    apart = int(np.random.SeedSequence([seed, 0xE7A1]).generate_state(1)[0])
    make_bank = functools.partial(build_bank, recipe, threads=config.num_threads)
    dealer = BankDealer(make_bank, apart, cheese=None, timeout=config.timeout, once=True)
    return _assemble(config, dealer, min(num_envs, levels), apart), dealer.bank


def make_from_bank(
    config: MazeConfig, bank: LevelBank, *, seed: int = 0, num_envs: int | None = None
) -> MazeVectorEnv:
    """An environment that deals each level of your own bank once, for example mazes drawn by hand.

    Args:
        config: View, timeout and threads; its mode and visual options must be the bank's.
        bank: The levels, with their cheese where it shall be.
        seed: Unused by the mazes themselves; part of the saved state.
        num_envs: Mazes side by side; None takes one per level.

    Raises:
        ConfigError: If the bank's look differs from the config's, a maze exceeds the view, or the
            corner cannot be a goal of its own.
    """
    check_maze(config)
    if bank.look != look_of(config):
        raise ConfigError(f"the bank has {bank.look}, but the config {look_of(config)}")
    if config.observation != "pixels" and int(bank.sizes.max()) > max_size(config):
        raise ConfigError(
            f"a maze of the bank has side {int(bank.sizes.max())}, but env.levels.max_size is "
            f"{max_size(config)}"
        )
    if config.goals == "cheese-and-corner":
        _check_corners(bank)
    dealer = BankDealer(lambda _: bank, seed, cheese=None, timeout=config.timeout, once=True)
    return _assemble(config, dealer, len(bank) if num_envs is None else num_envs, seed)


def cheese_of(config: MazeConfig, cheese: Cheese = "as-trained") -> RegionCheese | None:
    """How the cheese of a config is laid; None leaves it where procgen put it.

    Args:
        config: Which mazes.
        cheese: As in training, or anywhere in the maze.
    """
    spare = config.goals == "cheese-and-corner"
    if config.cheese == "region" and cheese == "as-trained":
        return RegionCheese(config.region, spare)
    # procgen may put it into the corner, which must stay free if it is a goal.
    return RegionCheese(WORLD_SIZE[config.mode], spare) if spare else None


def _check_corners(bank: LevelBank) -> None:
    for index in range(len(bank)):
        level = bank[index]
        corner = corner_of(level.size)
        if level.grid[corner] != FREE or level.start == corner:
            raise ConfigError(
                f"the top-right corner of level {index} is not free: with "
                "env.goals=cheese-and-corner it is a goal, apart from the cheese and the start"
            )


def training_recipe(config: MazeConfig) -> BankRecipe:
    """The bank that training draws from."""
    levels = config.levels
    return BankRecipe(
        look=look_of(config),
        count=levels.bank,
        sizes=checked_sizes(config, None),
        start=levels.start,
        num=levels.num,
        split=levels.split,
    )


def _assemble(config: MazeConfig, dealer: Dealer, num_envs: int, seed: int) -> MazeVectorEnv:
    levels = config.levels if isinstance(dealer, StreamDealer) else None

    def make_game(game_seed: int) -> ProcgenMaze:
        return ProcgenMaze(
            num_envs,
            look_of(config),
            seed=game_seed,
            start=levels.start if levels else 0,
            levels=levels.num if levels else 0,
            threads=config.num_threads,
        )

    return MazeVectorEnv(
        make_game,
        _view_maker(config, num_envs),
        dealer,
        seed=seed,
        region=config.region,
        corner_ends=config.goals == "cheese-and-corner",
    )


def _view_maker(config: MazeConfig, num_envs: int) -> Callable[[ProcgenMaze], View]:
    if config.observation == "pixels":
        return PixelView
    dtype = np.float32 if config.observation == "float" else np.uint8
    return lambda game: SymbolicView(num_envs, max_size(config), dtype)
