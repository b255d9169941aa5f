"""Level sets hold the right levels, in the same order everywhere, equal to procgen's own."""

import subprocess
import sys

import numpy as np
import pytest

from chisel.configs.errors import ConfigError
from chisel.configs.schema import MazeConfig
from chisel.envs.maze import (
    LevelSet,
    LevelSetRecipe,
    MazeState,
    RegionCheese,
    build_level_set,
    layout_digest,
    observe_states,
    split_of,
)
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import Look
from tests.envs.oracles import random_tree

SMALL = (3, 5, 7, 9)
LOOKS = [
    Look(),
    Look("hard", use_backgrounds=False),
    Look("memory", use_monochrome_assets=True, restrict_themes=True),
]


def codes(open_cells):
    return np.where(open_cells, 100, 51)


def test_the_split_of_a_layout_never_changes():
    grid = np.array([[100, 100, 2], [100, 51, 100], [100, 51, 100]])
    assert layout_digest(grid).hex() == "b45cdc9e853701e531a4db74d8e0dbc0"
    assert split_of(grid) == split_of(grid.astype(np.uint8)) == "validation"


def test_cheese_plays_no_part_in_the_split():
    grid = codes(random_tree(np.random.default_rng(1), 9))
    with_cheese = grid.copy()
    with_cheese[8, 8] = 2
    assert layout_digest(grid) == layout_digest(with_cheese)
    assert layout_digest(grid) != layout_digest(grid[::-1])


def test_the_splits_have_their_shares():
    generator = np.random.default_rng(0)
    splits = [split_of(codes(random_tree(generator, 11))) for _ in range(1500)]
    shares = {name: splits.count(name) / 1500 for name in ("train", "validation", "test")}
    assert abs(shares["train"] - 0.8) < 0.04
    assert abs(shares["validation"] - 0.1) < 0.03
    assert abs(shares["test"] - 0.1) < 0.03


class TestLevelSet:
    def test_level_sets_of_different_splits_share_no_layout(self):
        layouts = {}
        for split in ("train", "validation", "test"):
            level_set = build_level_set(LevelSetRecipe(Look(), 150, SMALL, split=split), seed=0)
            assert {split_of(level.grid) for level in level_set} == {split}
            layouts[split] = {layout_digest(level.grid) for level in level_set}
        assert not layouts["train"] & layouts["test"]
        assert not layouts["train"] & layouts["validation"]
        assert not layouts["validation"] & layouts["test"]

    def test_the_same_recipe_and_seed_give_the_same_level_set(self):
        recipe = LevelSetRecipe(Look(), 150, SMALL, split="train", cheese=RegionCheese(3))
        one, other = build_level_set(recipe, 5), build_level_set(recipe, 5)
        assert one.digest == other.digest
        assert build_level_set(recipe, 6).digest != one.digest

    def test_a_level_set_does_not_depend_on_the_process(self):
        script = (
            "from chisel.envs.maze import LevelSetRecipe, build_level_set\n"
            "from chisel.envs.maze.rules import Look\n"
            "print(build_level_set(LevelSetRecipe(Look(), 20, (5, 7), split='test'), 1).digest)"
        )
        digests = {
            subprocess.run(
                [sys.executable, "-c", script],
                env={"PYTHONHASHSEED": seed, "PATH": ""},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        here = build_level_set(LevelSetRecipe(Look(), 20, (5, 7), split="test"), 1).digest
        assert digests == {here + "\n"}

    def test_only_the_wanted_sizes_are_kept(self):
        level_set = build_level_set(LevelSetRecipe(Look("hard"), 60, (7, 21)), seed=0)
        assert set(level_set.sizes.tolist()) == {7, 21}
        assert [level.size for level in level_set] == level_set.sizes.tolist()

    @pytest.mark.parametrize("look", LOOKS, ids=str)
    def test_a_level_is_byte_for_byte_what_procgen_makes_of_its_seed(self, look):
        sizes = tuple(range(3, look.world_dim + 1, 2))
        level_set = build_level_set(LevelSetRecipe(look, 5, sizes), seed=2)
        config = MazeConfig(
            mode=look.mode,
            use_backgrounds=look.use_backgrounds,
            use_monochrome_assets=look.use_monochrome_assets,
            restrict_themes=look.restrict_themes,
        )
        for index, level in enumerate(level_set):
            game = ProcgenMaze(1, look, seed=0, start=level.seed, levels=1)
            direct = MazeState(game.read(0))
            np.testing.assert_array_equal(level.grid, direct.grid)
            pixels = observe_states([level_set.state(index)], config)[0]
            np.testing.assert_array_equal(pixels, game.pixels[0])
            level_set.write(index, direct)
            assert direct == MazeState(game.read(0))

    def test_a_range_of_seeds_is_taken_once_each(self):
        level_set = build_level_set(
            LevelSetRecipe(Look(), 100, tuple(range(3, 16, 2)), start=50, num=100), 0
        )
        assert sorted(level_set.seeds.tolist()) == list(range(50, 150))
        assert level_set.seeds.tolist() != sorted(level_set.seeds.tolist())

    def test_too_few_levels_are_explained(self):
        with pytest.raises(ConfigError, match=r"30 levels are wanted, but only \d+ were found"):
            build_level_set(LevelSetRecipe(Look(), 30, (3,), num=30), 0)

    def test_a_level_set_takes_little_memory(self):
        level_set = build_level_set(LevelSetRecipe(Look(), 64, SMALL), seed=0)
        arrays = (
            level_set.worlds,
            level_set.seeds,
            level_set.sizes,
            level_set.starts,
            level_set.backgrounds,
            level_set.shifts,
        )
        assert sum(array.nbytes for array in arrays) / len(level_set) < 300

    def test_mazes_drawn_by_hand_make_a_level_set(self):
        states = [MazeState.from_drawing("M.C"), MazeState.from_drawing("C..\n.#.\n..M")]
        level_set = LevelSet.from_states(states)
        assert [level.start for level in level_set] == [(0, 0), (0, 2)]
        for index, state in enumerate(states):
            assert level_set.state(index) == state

    def test_mazes_of_different_modes_make_no_level_set(self):
        states = [MazeState.from_drawing("M.C"), MazeState.from_drawing("M.C", mode="hard")]
        with pytest.raises(ConfigError, match="level 1 has"):
            LevelSet.from_states(states)
