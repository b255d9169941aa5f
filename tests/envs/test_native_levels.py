"""The native generator against procgen: recorded levels, recorded level sets, and procgen itself.

`recorded/procgen_levels.npz` holds levels as procgen 0.10.7 made them, `easy/…` and `hard/…`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel.configs import WORLD_SIZE
from chisel.envs.maze import LevelSetRecipe, MazeState, RegionCheese, build_level_set
from chisel.envs.maze.native import draw_levels, level_streams, next_seeds
from chisel.envs.maze.native.words import as_block, from_block, seed_words, word
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import Look

RECORDED = Path(__file__).parent / "recorded" / "procgen_levels.npz"
FLAT = Look("easy", use_backgrounds=False, use_monochrome_assets=True, restrict_themes=True)
EASY, HARD = tuple(range(3, 16, 2)), tuple(range(3, 26, 2))
LEVEL_SETS = {
    "c2517b4d425ef74bf613a6555c3b20f8": (
        0,
        LevelSetRecipe(Look(), 1000, (3, 5, 7, 9), split="train"),
    ),
    "16f718edf19879f3f4d6d76f5042b7b5": (
        0,
        LevelSetRecipe(FLAT, 1000, (3, 5, 7, 9), split="train"),
    ),
    "8a61c50d649aba246b12010798186702": (3, LevelSetRecipe(Look(), 500, EASY, start=50, num=2000)),
    "4dbb122a7a864b896981846fe2c1df4e": (
        7,
        LevelSetRecipe(Look(), 300, (5, 7, 9), split="test", cheese=RegionCheese(3), decision=True),
    ),
    "c8145a2975e6e5a31574500335ecd415": (
        8,
        LevelSetRecipe(Look(), 300, (3, 5, 7), cheese=RegionCheese(15, spare_corner=True)),
    ),
    "166ead85fc5f314bcad10a1e106a0dbb": (1, LevelSetRecipe(Look("hard"), 300, HARD)),
}
"""Digests of level sets whose levels procgen 0.10.7 drew, with their seeds and recipes."""


@pytest.mark.parametrize("mode", ["easy", "hard"])
def test_levels_are_cell_for_cell_those_that_procgen_made(mode):
    with np.load(RECORDED) as recorded:
        drawn = draw_levels(recorded[f"{mode}/seed"], WORLD_SIZE[mode])
        for ours, name in zip(drawn, ("grid", "size", "background", "shift"), strict=True):
            np.testing.assert_array_equal(ours, recorded[f"{mode}/{name}"])


@pytest.mark.parametrize("digest", LEVEL_SETS)
def test_level_sets_are_bit_for_bit_those_that_procgen_drew(digest):
    seed, recipe = LEVEL_SETS[digest]
    assert build_level_set(recipe, seed).digest == digest


@given(seed=st.integers(-(2**31), 2**32 - 1), drawn=st.integers(0, 1400))
@settings(max_examples=50, deadline=None)
def test_words_are_those_of_the_mersenne_twister(seed, drawn):
    stream = np.empty(626, np.uint32)
    seed_words(stream, seed)
    theirs = np.random.MT19937()
    theirs.state = np.random.RandomState(seed % 2**32).get_state(legacy=False)
    assert [word(stream) for _ in range(drawn)] == theirs.random_raw(drawn).tolist()
    block, state = as_block(stream), theirs.state["state"]
    assert block[624] == state["pos"]
    np.testing.assert_array_equal(block[:624], state["key"])
    saved, following = from_block(block), theirs.random_raw(700).tolist()
    assert [word(stream) for _ in range(700)] == following
    assert [word(saved) for _ in range(700)] == following


class TestBesideProcgen:
    @pytest.mark.parametrize("mode", ["easy", "hard", "memory"])
    def test_random_seeds_give_the_same_levels(self, mode):
        seeds = np.random.default_rng().integers(2**31 - 1, size=60)
        worlds, sizes, backgrounds, shifts = draw_levels(seeds, WORLD_SIZE[mode])
        for index, seed in enumerate(seeds.tolist()):
            game = ProcgenMaze(1, Look(mode), seed=0, start=seed, levels=1)
            with contextlib.closing(game):
                state = MazeState(game.read(0))
            np.testing.assert_array_equal(worlds[index], state.world, f"seed {seed}")
            assert (sizes[index], 0, 0) == (state.maze_dim, *state.mouse)
            assert (backgrounds[index], shifts[index]) == state.background

    @pytest.mark.parametrize(("start", "num"), [(0, 0), (17, 1), (50, 100_000)])
    def test_games_draw_the_same_level_seeds_in_the_same_order(self, start, num):
        low, high = (start, start + num) if num else (0, 2**31 - 1)
        seed = int(np.random.default_rng().integers(2**31))
        ours = next_seeds(level_streams(seed, 5), 4, low, high).reshape(4, 5)
        game = ProcgenMaze(5, Look(), seed=seed, start=start, levels=num)
        with contextlib.closing(game):
            for row in ours.tolist():
                assert row == game.level_seeds.tolist()
                game.restart()
