"""Compare the native engine with procgen's library, bit for bit."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from chisel.configs import WORLD_SIZE
from chisel.envs.maze.native import draw_levels
from chisel.envs.maze.native.engine import NativeMaze
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import RESET_ACTION, Look
from chisel.envs.maze.state import MazeState

_GAMES = 64
"""Number of procgen's games that make levels side by side."""
_STATES_EVERY = 10
"""Steps between comparisons of whole states."""
_RESTART_EVERY = 97
"""Steps between forced ends of all episodes."""
_REPORTS, _STATES = "reports of steps", "states, all bytes"
_LOOKS = {
    "flat pictures": [(False, True)],
    "textured pictures": [(True, False), (True, True), (False, False)],
}
"""Looks that are compared: whether with backgrounds, and whether monochrome."""


@dataclass
class Difference:
    """Counts of comparisons.

    Attributes:
        compared: Number of things that were compared.
        different: Number of those that differ.
        first: Description of the first one that differs; empty if none does.
    """

    compared: int = 0
    different: int = 0
    first: str = ""

    def add(self, equal: bool, what: str) -> None:
        """Count one comparison."""
        self.compared += 1
        if not equal:
            self.different += 1
            self.first = self.first or what


def compare_levels(first: int, last: int, mode: str) -> Difference:
    """Compare the levels with the seeds from `first` to `last`, which is not included.

    Raises:
        EnvironmentFault: If procgen is not installed.
    """
    found, look = Difference(), Look(mode)
    worlds, sizes, backgrounds, shifts = draw_levels(np.arange(first, last), WORLD_SIZE[mode])
    game = ProcgenMaze(_GAMES, look, seed=0)
    with contextlib.closing(game):
        state = MazeState(game.read(0))
        for start in range(first, last, _GAMES):
            batch = range(start, min(start + _GAMES, last))
            for row, seed in enumerate(batch):
                state.seed_range = (seed, seed + 1)
                game.write(row, state.buffer)
            game.restart()
            for row, seed in enumerate(batch):
                theirs, index = MazeState(game.read(row)), seed - first
                ours = (sizes[index], (backgrounds[index], shifts[index]), (0, 0))
                same = ours == (theirs.maze_dim, theirs.background, theirs.mouse)
                same = same and np.array_equal(worlds[index], theirs.world)
                found.add(same and theirs.level_seed == seed, f"seed {seed}")
    return found


def compare_games(mode: str, games: int, steps: int, seed: int) -> dict[str, Difference]:
    """Play games of both engines with the same random actions, in every look.

    Returns:
        The differences by name: reports of the steps, bytes of the states, and pixels of the flat
        look and of the three others (all textures, plain shapes on backgrounds, pictures on black).

    Raises:
        EnvironmentFault: If procgen is not installed.
    """
    found = {name: Difference() for name in (_REPORTS, _STATES, *_LOOKS)}
    for name, looks in _LOOKS.items():
        for backgrounds, monochrome in looks:
            look = Look(mode, backgrounds, monochrome)
            _compare_look(look, games, steps, seed, found, found[name])
    return found


def _compare_look(
    look: Look,
    games: int,
    steps: int,
    seed: int,
    found: dict[str, Difference],
    pixels: Difference,
) -> None:
    """Play in one look; add to `found` and `pixels`."""
    draws = np.random.default_rng(seed)
    rand_seed = int(draws.integers(2**31))
    ours = NativeMaze(games, look, seed=rand_seed)
    theirs = ProcgenMaze(games, look, seed=rand_seed)
    with contextlib.closing(theirs):
        for step in range(steps):
            forced = step % _RESTART_EVERY == _RESTART_EVERY - 1
            actions = np.full(games, RESET_ACTION) if forced else draws.integers(0, 15, games)
            ours.step(actions)
            theirs.step(actions)
            ended = ours.first
            same = all(
                np.array_equal(getattr(ours, name), getattr(theirs, name))
                for name in ("rewards", "first", "completed")
            )
            ours.load(np.flatnonzero(ended))
            same = same and np.array_equal(ours.boards.seeds, theirs.level_seeds)
            found[_REPORTS].add(same, f"step {step}")
            drawn = (ours.pixels == theirs.pixels).all(axis=(1, 2, 3))
            for row in range(games):
                pixels.add(bool(drawn[row]), f"{look}, step {step}, game {row}")
                if ended[row] or step % _STATES_EVERY == 0:
                    equal = ours.read(row) == theirs.read(row)
                    found[_STATES].add(equal, f"step {step}, game {row}")
