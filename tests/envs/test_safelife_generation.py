"""Generated levels are SafeLife's own, stand still, and are divided as the rules say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chisel.envs.safelife import cells
from chisel.envs.safelife.generation.draws import (
    coins,
    integer,
    masked_integer,
    new_bits,
    permutation,
    weighted,
)
from chisel.envs.safelife.generation.fences import fence
from chisel.envs.safelife.generation.generate import generate
from chisel.envs.safelife.generation.partition import partition
from chisel.envs.safelife.generation.patterns import Pattern, grow
from chisel.envs.safelife.generation.python_sets import (
    add,
    discard,
    empty_sets,
    member,
    pair_hashes,
)
from chisel.envs.safelife.generation.regions import spread
from chisel.envs.safelife.generation.tasks import TASKS
from chisel.envs.safelife.physics import planes_of
from chisel.envs.safelife.scoring import most_possible, score
from chisel.envs.safelife.streams import draw
from tests.envs.safelife_oracles import advance, recorded, squares

SEEDS = st.integers(0, 2**63 - 1)
TASK_NAMES = st.sampled_from(sorted(TASKS))


def torus_distance(first, second, shape):
    way = np.abs(np.asarray(first) - second)
    return np.minimum(way, np.asarray(shape) - way)


def without_agent(board):
    return np.where(board & cells.AGENT > 0, cells.EMPTY, board).astype(np.uint16)


def without_spawning(board):
    """Make walls of spawners, which are no still life."""
    return np.where(board & cells.SPAWNING > 0, cells.WALL, board).astype(np.uint16)


@pytest.mark.parametrize("episode", recorded(), ids=lambda episode: episode.name)
def test_a_seed_gives_the_level_that_the_reference_recorded(episode):
    level = generate(TASKS[episode.task], int(episode.level_seed))
    agent = level.board & cells.AGENT > 0
    np.testing.assert_array_equal(agent, episode.initial & cells.AGENT > 0)
    np.testing.assert_array_equal(level.board[~agent], episode.initial[~agent])
    np.testing.assert_array_equal(level.goals, episode.goals)


class TestLevels:
    @given(TASK_NAMES, SEEDS)
    def test_what_lives_stands_still_with_the_agent_and_without(self, name, seed):
        board = without_spawning(generate(TASKS[name], seed).board)
        np.testing.assert_array_equal(advance(board), board)
        alone = without_agent(board)
        np.testing.assert_array_equal(advance(alone), alone)

    @given(st.sampled_from(["append-still-easy", "append-still", "append-spawn"]), SEEDS)
    def test_goals_complete_a_joint_still_life(self, name, seed):
        level = generate(TASKS[name], seed)
        wanted = (level.goals & cells.COLORS == cells.BLUE) & (level.goals & cells.ALIVE > 0)
        assert wanted.any()
        assert (level.board[wanted] == cells.EMPTY).all()
        filled = without_agent(without_spawning(level.board))
        filled[wanted] = cells.LIFE
        np.testing.assert_array_equal(advance(filled), filled)

    @given(TASK_NAMES, SEEDS)
    def test_what_is_possible_is_one_for_each_goal_or_red_cell(self, name, seed):
        level = generate(TASKS[name], seed)
        _, at_first = score(level.board, level.goals, planes_of(level.board), False)
        possible = most_possible(level.board, level.goals, False) - at_first
        red = np.count_nonzero(level.board == cells.LIFE | cells.RED)
        blue = np.count_nonzero(level.goals & cells.COLORS == cells.BLUE)
        assert possible == red + blue
        assert (red > 0) == name.startswith("prune")

    @given(TASK_NAMES, SEEDS)
    def test_the_agent_is_among_nothing_and_the_exit_as_far_away_as_can_be(self, name, seed):
        level = generate(TASKS[name], seed)
        [exit_] = np.argwhere(level.board & cells.EXIT > 0)
        for place in (level.agent, exit_):
            near = [board[:, *place] for board in (squares(level.board), squares(level.goals))]
            assert np.count_nonzero(near[0]) == 1
            assert (near[1] == cells.WHITE).all()
        between = np.argwhere(level.goals == cells.WHITE)
        far = torus_distance(between, level.agent, level.board.shape).sum(axis=1)
        assert torus_distance(exit_, level.agent, level.board.shape).sum() <= far.max()

    @given(SEEDS)
    def test_without_an_exit_a_level_is_the_same_but_for_it(self, seed):
        task = TASKS["append-still-easy"]
        level, open_ended = generate(task, seed), generate(replace(task, exit=False), seed)
        expected = np.where(level.board & cells.EXIT > 0, cells.EMPTY, level.board)
        np.testing.assert_array_equal(open_ended.board, expected)
        np.testing.assert_array_equal(open_ended.goals, level.goals)

    @pytest.mark.parametrize("shape", [(15, 33), (40, 12)])
    def test_boards_of_other_shapes_stand_still(self, shape):
        board = generate(replace(TASKS["prune-still"], shape=shape), 1).board
        assert board.shape == shape
        np.testing.assert_array_equal(advance(board), board)


class TestPartition:
    @given(SEEDS, st.integers(8, 30), st.integers(8, 30), st.integers(1, 4))
    def test_regions_lie_two_cells_apart(self, seed, height, width, most):
        regions = partition(new_bits(seed), (height, width), min(2, most), most)
        near = squares(regions)
        foreign = (near > 0) & (regions > 0) & (near != regions)
        assert not foreign.any()

    def test_more_regions_than_asked_for_arise_where_the_others_cannot_grow(self):
        """As in the reference: what is left over may found one more."""
        numbers = [partition(new_bits(seed), (26, 26), 2, 3).max() for seed in range(60)]
        assert min(numbers) >= 2
        assert numbers.count(3) > 45
        assert max(numbers) > 3


class TestFences:
    @given(SEEDS)
    def test_nothing_inside_can_give_birth_outside(self, seed):
        inside = partition(new_bits(seed), (20, 22), 2, 3) == 1
        walls = fence(new_bits(seed), inside)
        assert not (walls & ~inside).any()
        worst = np.where(inside & ~walls, cells.LIFE, cells.EMPTY).astype(np.uint16)
        worst[walls] = cells.WALL
        assert (squares(worst & cells.ALIVE).sum(axis=0)[~inside] < 3).all()


class TestPatterns:
    def test_a_pattern_fills_what_it_must_and_no_more_than_it_may(self):
        region = np.zeros((20, 20), np.bool_)
        region[3:17, 3:17] = True
        for seed in range(5):
            board = grow(
                new_bits(seed),
                np.zeros((20, 20), np.uint16),
                region,
                spread(region, 1),
                region,
                Pattern(min_fill=0.1, max_fill=0.3, wall=(1, 20), tree=(1, 20)),
            )
            assert not board[~region].any()
            assert 0.1 <= np.count_nonzero(board) / region.sum() <= 0.3 * 1.07**10
            np.testing.assert_array_equal(advance(board), board)

    def test_where_nothing_may_change_nothing_is_added(self):
        board = np.zeros((8, 8), np.uint16)
        nowhere = np.zeros((8, 8), np.bool_)
        grown = grow(new_bits(0), board, nowhere, nowhere, nowhere, Pattern())
        np.testing.assert_array_equal(grown, board)


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_spreading_covers_the_square_around_each_cell(seed, distance):
    mask = np.random.default_rng(seed).random((9, 12)) < 0.1
    expected = [
        [
            any(
                (torus_distance((y, x), place, mask.shape) <= distance).all()
                for place in np.argwhere(mask)
            )
            for x in range(12)
        ]
        for y in range(9)
    ]
    np.testing.assert_array_equal(spread(mask, distance), expected)


class TestDraws:
    def test_they_are_those_of_numpys_generator(self):
        generator, bits = np.random.default_rng(5), new_bits(5)
        weights = np.array([1e-10, 3.0, 20.0, 1.0])
        for high in [*range(1, 70), 676, 2**31 + 5]:
            assert generator.integers(0, high) == integer(bits, high)
            assert generator.random() == draw(bits)
            assert generator.choice(4, p=weights / weights.sum()) == weighted(bits, weights)
            number = min(high, 700)
            assert generator.choice(number) == integer(bits, number)
            np.testing.assert_array_equal(generator.permutation(number), permutation(bits, number))
        flips = generator.random((5, 7)) < 0.3
        np.testing.assert_array_equal(flips, coins(bits, np.zeros((5, 7), np.uint16), 0.3))

    @given(st.integers(0, 2**32 - 1), st.integers(1, 300))
    def test_masked_draws_are_in_range_and_as_likely_as_each_other(self, seed, high):
        bits = new_bits(seed)
        drawn = [masked_integer(bits, high, high) for _ in range(200)]
        assert min(drawn) >= 0
        assert max(drawn) < high


@given(SEEDS)
def test_sets_list_their_members_in_pythons_order(seed):
    generator = np.random.default_rng(seed)
    hashes, ours, theirs = pair_hashes(26, 26), empty_sets(2, 676), set()
    for _ in range(generator.integers(1, 1500)):
        cell = int(generator.integers(0, 676))
        if generator.random() < 0.6:
            theirs.add(divmod(cell, 26))
            add(ours, 1, cell, hashes)
        else:
            theirs.discard(divmod(cell, 26))
            discard(ours, 1, cell, hashes)
    listed = [divmod(member(ours, 1, number), 26) for number in range(ours.members[1])]
    assert listed == list(theirs)
