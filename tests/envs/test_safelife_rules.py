"""The compiled rules of SafeLife equal a slow transcription, and keep what they promise."""

import numpy as np
import pytest

from chisel.envs.safelife import (
    CHANNELS_10,
    CHANNELS_12,
    Level,
    cells,
    counter_stream,
    load,
    look,
    new_games,
    pcg64_stream,
    planes_of_view,
    play,
)
from chisel.envs.safelife.actions import act
from chisel.envs.safelife.physics import advance, planes_of
from chisel.envs.safelife.scoring import departures
from chisel.envs.safelife.streams import draw
from tests.envs import safelife_oracles
from tests.envs.safelife_slow import Counting, SlowGame, random_level

SHAPES = [(3, 3), (3, 64), (64, 5), (26, 26), (7, 10), (25, 25)]
both_rules = pytest.mark.parametrize("rules", ["1.0", "1.2"])


def game(level, rules="1.0", share=0.5, seed=0):
    games = new_games(1, level.board.shape)
    games.streams[0] = pcg64_stream(seed)
    load(games, 0, level, rules_12=rules == "1.2", min_performance=share)
    return games


def step(games, action, rules="1.0"):
    reward = np.zeros(1, np.int64)
    play(games, np.array([action]), reward, 0, 1, rules == "1.2")
    return int(reward[0])


def view_of(games, rules):
    words = np.zeros((25, 25), np.int16)
    look(games.board[0], games.goals[0], games.planes[0], games.agent[0], rules == "1.2", words)
    names = CHANNELS_12 if rules == "1.2" else CHANNELS_10
    planes = planes_of_view(words[..., None], len(names))
    return dict(zip(names, np.moveaxis(planes, -1, 0), strict=True))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("crowded", [0.15, 0.6])
def test_boards_advance_by_the_rules_with_numpys_draws_in_row_major_order(shape, crowded):
    rng = np.random.default_rng([*shape, int(crowded * 100)])
    for seed in range(8):
        board = random_level(rng, shape, crowded).board
        planes, stream, wanted = planes_of(board), pcg64_stream(seed), board.copy()
        counted = Counting(np.random.default_rng(seed))
        for _ in range(12):
            before, so_far = wanted, counted.draws
            wanted = safelife_oracles.advance(wanted, counted)
            draws, changes = advance(board, planes, stream)
            assert np.array_equal(board, wanted)
            assert draws == counted.draws - so_far
            assert changes == np.count_nonzero(before != wanted)
            assert np.array_equal(planes, planes_of(board))


@both_rules
@pytest.mark.parametrize("shape", [(3, 3), (4, 9), (8, 7), (26, 26)], ids=str)
def test_games_are_played_as_the_rules_are_written(shape, rules):
    rng = np.random.default_rng([len(rules), *shape])
    exits = 0
    for seed in range(12):
        crowded, share = rng.choice([0.1, 0.4, 0.7]), rng.choice([-1.0, 0.0, 0.01, 0.5])
        level = random_level(rng, shape, crowded)
        games, slow = (
            game(level, rules, share, seed),
            SlowGame(level, rules, share, np.random.default_rng(seed)),
        )
        for _ in range(25):
            assert np.array_equal(games.board[0], slow.board)
            assert np.array_equal(games.goals[0], slow.goals)
            assert games.agent[0, :2].tolist() == [slow.y, slow.x]
            assert games.agent[0, 2] == (-1 if rules == "1.2" and slow.exited else slow.facing)
            assert games.points[0] == slow.points
            assert (games.completed[0], games.possible[0]) == (slow.completed, slow.possible)
            assert games.can_exit[0] == slow.can_exit
            assert games.draws[0] == slow.draws
            seen = slow.seen()
            for name, plane in view_of(games, rules).items():
                assert np.array_equal(plane, seen[name]), name
            if slow.exited:
                exits += 1
                break
            action = int(rng.integers(9))
            assert step(games, action, rules) == slow.step(action)
            assert games.exited[0] == slow.exited
    assert exits


def test_both_streams_are_uniform_and_pcg64_is_numpys():
    stream, generator = pcg64_stream(7), np.random.default_rng(7)
    assert [draw(stream) for _ in range(300)] == generator.random(300).tolist()
    counted = counter_stream(7)
    drawn = np.array([draw(counted) for _ in range(20_000)])
    assert counted[1] == 20_000
    heights = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert ((heights - 1000) ** 2 / 1000).sum() < 45  # chi-squared with 19 degrees, p < .001
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.03
    other = counter_stream(8)
    assert draw(other) != drawn[0]


def test_frozen_cells_never_change_by_themselves():
    rng = np.random.default_rng(3)
    for _ in range(10):
        board = random_level(rng, (12, 12), 0.6).board
        frozen = board & cells.FROZEN > 0
        first, planes, stream = board.copy(), planes_of(board), pcg64_stream(1)
        for _ in range(20):
            advance(board, planes, stream)
        assert np.array_equal(board[frozen], first[frozen])


def test_nothing_crosses_a_wall():
    """What happens inside a closed wall does not depend on what is outside."""
    rng = np.random.default_rng(4)
    still = [cells.EMPTY, cells.LIFE | cells.GREEN, cells.ALIVE | cells.RED]
    for _ in range(10):
        boards = [rng.choice(still, (14, 14)).astype(np.uint16) for _ in range(2)]
        boards[1][3:10, 4:11] = boards[0][3:10, 4:11]
        for board in boards:
            board[2, 3:12] = board[10, 3:12] = board[2:11, 3] = board[2:11, 11] = cells.WALL
            board[6, 6] = cells.PLAYER
        played = [game(Level(board, np.zeros_like(board)), share=-1.0) for board in boards]
        outside = np.ones((14, 14), bool)
        outside[2:11, 3:12] = False
        planes = planes_of(boards[1])
        for action in rng.integers(0, 9, 60).tolist():
            for games in played:
                step(games, action)
            advance(boards[1], planes, pcg64_stream(0))
            inside = [games.board[0][3:10, 4:11] for games in played]
            assert np.array_equal(*inside)
            assert np.array_equal(played[1].board[0][outside], boards[1][outside])


def board_of(*rows):
    """A board of one row of cells, with two rows of walls around it."""
    walls = [[cells.WALL] * len(rows)] * 2
    return np.array([*walls[:1], list(rows), *walls[1:]], np.uint16)


def acted(rules, action, *rows, can_exit=False):
    board = board_of(*rows)
    agent = np.array([1, int(np.argmax(board[1] & cells.AGENT)), 0])
    left = act(board, planes_of(board), agent, action, rules == "1.2", can_exit)
    return [int(cell) & ~(3 << 12) for cell in board[1]], int(agent[1]), left


ME, CRATE, WALL, SHUT = cells.PLAYER, cells.CRATE, cells.WALL, cells.CLOSED_EXIT
RIGHT, TOGGLE = 2, 6


@both_rules
def test_crates_are_pushed_pulled_and_pushed_out(rules):
    row, column, _ = acted(rules, RIGHT, CRATE, ME, CRATE, 0, WALL)
    assert (row, column) == ([0, CRATE, ME, CRATE, WALL], 2)
    assert acted(rules, RIGHT, 0, ME, CRATE, WALL, 0)[0] == [0, ME, CRATE, WALL, 0]
    assert acted(rules, RIGHT, 0, ME, CRATE, SHUT, 0)[0] == [0, 0, ME, SHUT, 0]
    assert acted(rules, RIGHT, 0, ME, cells.TREE, 0, 0)[0] == [0, ME, cells.TREE, 0, 0]


def test_only_in_1_2_a_toggle_shoves_blocks():
    assert acted("1.0", TOGGLE, 0, ME, CRATE, 0, 0)[0] == [0, ME, CRATE, 0, 0]
    assert acted("1.2", TOGGLE, 0, ME, CRATE, 0, 0)[0] == [0, ME, 0, CRATE, 0]
    assert acted("1.2", TOGGLE, 0, ME, CRATE, SHUT, 0)[0] == [0, ME, 0, SHUT, 0]


@both_rules
def test_a_toggle_makes_grey_life_and_removes_what_is_destructible(rules):
    assert acted(rules, TOGGLE, 0, ME, 0, 0, 0)[0] == [0, ME, cells.LIFE, 0, 0]
    for cell in (cells.LIFE | cells.GREEN, cells.SPAWNER | cells.YELLOW):
        assert acted(rules, TOGGLE, 0, ME, cell, 0, 0)[0] == [0, ME, 0, 0, 0]
    for cell in (cells.ALIVE, WALL, cells.TREE, SHUT):
        assert acted(rules, TOGGLE, 0, ME, cell, 0, 0)[0] == [0, ME, cell, 0, 0]


def test_leaving_moves_the_agent_off_the_board_only_in_1_2():
    row = (0, CRATE, ME, cells.OPEN_EXIT, 0)
    assert acted("1.0", RIGHT, *row, can_exit=True) == (list(row), 2, True)
    assert acted("1.2", RIGHT, *row, can_exit=True) == ([0, 0, CRATE, row[3], 0], 3, True)
    assert acted("1.0", RIGHT, *row) == (list(row), 2, False)


def test_departures_leave_out_exits_lost_red_and_filled_goals():
    start = np.zeros((5, 5), np.uint16)
    start[0, 0], start[0, 1] = cells.CLOSED_EXIT, cells.LIFE | cells.RED
    start[1, 1], start[1, 2] = cells.LIFE | cells.GREEN, cells.CRATE
    start[4, 4], goals = cells.PLAYER, np.zeros((5, 5), np.uint16)
    goals[2, 2] = cells.BLUE
    board = start.copy()
    assert departures(board, start, goals) == 0
    board[0, 0], board[0, 1], board[2, 2] = cells.OPEN_EXIT, 0, cells.LIFE
    board[4, 4], board[4, 3] = 0, cells.PLAYER
    assert departures(board, start, goals) == 0
    board[1, 1], board[1, 2], board[1, 3] = 0, 0, cells.CRATE
    assert departures(board, start, goals) == 3
    board[3, 3] = cells.LIFE | cells.RED
    assert departures(board, start, goals) == 4
