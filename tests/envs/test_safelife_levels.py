"""Sets of generated levels and endless ones come in an order that only their seed decides."""

import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from chisel.configs import ConfigError
from chisel.configs.errors import EnvironmentFault
from chisel.envs.safelife import cells
from chisel.envs.safelife.generation.sources import EndlessLevels, level_set, split_of_level
from chisel.envs.safelife.generation.tasks import TASKS
from chisel.envs.safelife.levels import Level

TASK = replace(TASKS["append-still-easy"], shape=(16, 16))


def seeds_of(source, number):
    return [source.draw().seed for _ in range(number)]


def same(first, second):
    return first.seed == second.seed and np.array_equal(first.board, second.board)


class TestSets:
    def test_equal_seeds_give_equal_levels_and_more_levels_begin_with_the_same(self):
        few, many = level_set(TASK, 3, seed=4), level_set(TASK, 5, seed=4)
        assert all(map(same, few, many))
        assert few[0].seed != level_set(TASK, 1, seed=5)[0].seed
        assert len({level.seed for level in many}) == 5

    def test_another_process_generates_the_same(self):
        code = (
            "from dataclasses import replace\n"
            "from chisel.envs.safelife.generation.sources import level_set\n"
            "from chisel.envs.safelife.generation.tasks import TASKS\n"
            "task = replace(TASKS['append-still-easy'], shape=(16, 16))\n"
            "print(level_set(task, 2, seed=4)[1].board.tobytes().hex())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == level_set(TASK, 2, seed=4)[1].board.tobytes().hex()

    def test_impossible_sets_are_refused(self):
        for number, seed in ((0, 0), (1, -1)):
            with pytest.raises(ConfigError, match="must be counts"):
                level_set(TASK, number, seed=seed)


class TestSplits:
    def test_the_split_of_a_level_never_changes(self):
        board = np.zeros((4, 5), np.uint16)
        board[1, 1], board[2, 3] = cells.PLAYER, cells.TREE
        assert split_of_level(Level(board, board * 0)) == "train"

    def test_agent_and_exit_play_no_part(self):
        [level] = level_set(TASK, 1, seed=0)
        ends = level.board & (cells.AGENT | cells.EXIT) > 0
        closed = np.where(level.board == cells.OPEN_EXIT, cells.CLOSED_EXIT, level.board)
        moved = np.where(ends, 0, level.board)
        moved[tuple(np.argwhere(moved == 0)[0])] = cells.PLAYER
        assert split_of_level(replace(level, board=closed)) == split_of_level(level)
        assert ends.sum() == 2

    def test_levels_of_a_split_belong_to_it_and_the_shares_are_right(self):
        levels = level_set(TASK, 200, seed=2)
        splits = [split_of_level(level) for level in levels]
        assert 0.7 < splits.count("train") / 200 < 0.9
        held_out = [level for level, split in zip(levels, splits, strict=True) if split == "test"]
        again = level_set(TASK, len(held_out), seed=2, split="test")
        assert all(map(same, held_out, again))


class TestEndless:
    def test_the_order_does_not_depend_on_how_many_are_kept_ready(self):
        expected = [level.seed for level in level_set(TASK, 6, seed=0)]
        for ahead in (1, 3, 50):
            assert seeds_of(EndlessLevels(TASK, ahead=ahead), 6) == expected

    def test_the_order_does_not_depend_on_timing(self):
        waited, hurried = EndlessLevels(TASK, ahead=2), EndlessLevels(TASK, ahead=2)
        slow = []
        for _ in range(4):
            slow.append(waited.draw().seed)
            time.sleep(0.02)
        assert slow == seeds_of(hurried, 4)

    def test_a_saved_state_goes_on_with_the_next_level(self):
        source = EndlessLevels(TASK, split="train", ahead=4)
        source.reseed(np.random.SeedSequence(3))
        source.draw()
        state = source.get_state()
        coming = seeds_of(source, 4)
        other = EndlessLevels(TASK, split="train", ahead=1)
        other.set_state(state)
        assert seeds_of(other, 4) == coming
        source.set_state(state)
        assert seeds_of(source, 4) == coming

    def test_reseeding_starts_anew(self):
        source = EndlessLevels(TASK, ahead=2)
        firsts = []
        for seed in (1, 2, 1):
            source.reseed(np.random.SeedSequence(seed))
            firsts.append(source.draw().seed)
        assert firsts[0] == firsts[2] != firsts[1]

    def test_no_level_comes_twice_and_all_are_of_the_split(self):
        source = EndlessLevels(TASK, split="validation", ahead=4)
        levels = [source.draw() for _ in range(4)]
        assert all(not same(*pair) for pair in pairwise(levels))
        assert {split_of_level(level) for level in levels} == {"validation"}

    def test_the_state_of_other_levels_is_refused(self):
        state = EndlessLevels(TASK).get_state()
        for other in (EndlessLevels(TASKS["prune-still"]), EndlessLevels(TASK, split="test")):
            with pytest.raises(EnvironmentFault, match=r"env\.task"):
                other.set_state(state)
        with pytest.raises(EnvironmentFault, match=r"env\.num_levels"):
            EndlessLevels(TASK).set_state({"levels": 8, "next": 3})
