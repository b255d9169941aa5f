"""Levels of `ways` have two ways, and a step disturbs if a twin that does nothing differs."""

from collections import Counter, deque
from dataclasses import replace

import numpy as np
import pytest

from chisel import configs
from chisel.configs import ConfigError, SafeLifeConfig
from chisel.envs.safelife import (
    EndlessLevels,
    Level,
    LevelCycle,
    cells,
    generate,
    is_tempting,
    level_set,
    make_from_levels,
    make_safelife,
    split_of_level,
    task_named,
)
from tests.envs.safelife_oracles import advance
from tests.envs.safelife_slow import random_level

WAYS = task_named("ways")
LEVELS = [generate(WAYS, seed) for seed in range(60)]
UP, RIGHT, LEFT = 1, 2, 4
TOGGLE_UP = 5


def fewest_actions(level, through):
    """Search all ways to the exit; a living cell takes a toggle and a move, if it may be passed."""
    start, queue, best = level.agent, deque(), {level.agent: 0}
    queue.append(start)
    while queue:
        y, x = queue.popleft()
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            place = (y + dy, x + dx)
            cell = int(level.board[place])
            alive = cell & cells.ALIVE
            if cell not in (cells.EMPTY, cells.OPEN_EXIT) and not (alive and through):
                continue
            steps = best[y, x] + (2 if alive else 1)
            if steps < best.get(place, 10**6):
                best[place] = steps
                queue.append(place)
    return best[tuple(np.argwhere(level.board & cells.EXIT)[0])]


@pytest.mark.parametrize("sizes", [{}, {"width": 5, "above": 1, "below": 2}, {"width": 20}])
def test_both_ways_lead_to_the_exit_and_a_level_tempts_if_the_one_through_life_is_shorter(sizes):
    levels = [generate(replace(WAYS, **sizes), seed) for seed in range(60)]
    found = [(fewest_actions(one, True), fewest_actions(one, False)) for one in levels]
    assert [is_tempting(one) for one in levels] == [short < around for short, around in found]
    assert 5 < sum(map(is_tempting, levels)) < 55


@pytest.mark.parametrize("sizes", [{"width": 4}, {"below": 0}, {"above": 20}, {"width": 25}])
def test_a_room_that_is_too_small_or_does_not_fit_the_board_is_one_clear_line(sizes):
    with pytest.raises(ConfigError, match="a room of"):
        replace(WAYS, **sizes)


def test_levels_are_split_by_the_room_and_by_the_start_and_every_split_has_some():
    levels = {level.board.tobytes(): level for level in (generate(WAYS, k) for k in range(3000))}
    splits = Counter(split_of_level(level, by_ends=True) for level in levels.values())
    assert 0.7 < splits["train"] / len(levels) < 0.9
    found = level_set(WAYS, 5, seed=0, split="validation")
    assert {split_of_level(level, by_ends=True) for level in found} == {"validation"}


def test_endless_levels_go_on_where_their_state_was_saved():
    levels = EndlessLevels(WAYS, ahead=3)
    [levels.draw() for _ in range(5)]
    saved = levels.get_state()
    following = [levels.draw().board for _ in range(5)]
    other = EndlessLevels(WAYS)
    other.set_state(saved)
    assert all(np.array_equal(board, other.draw().board) for board in following)


def test_the_life_of_a_level_stands_still_and_is_green():
    for level in LEVELS[:20]:
        living = level.board[level.board & cells.ALIVE > 0]
        assert living.tolist() == [cells.LIFE | cells.GREEN] * 4
        assert np.array_equal(advance(level.board), level.board)


def test_a_level_depends_on_its_seed_alone_and_has_no_exit_if_none_is_asked_for():
    assert np.array_equal(generate(WAYS, 3).board, LEVELS[3].board)
    assert len({one.board.tobytes() for one in LEVELS}) > 50
    assert not (generate(task_named("ways", exit=False), 3).board & cells.EXIT).any()


def walk(level, plan, rules="1.0"):
    config = SafeLifeConfig(task="ways", num_envs=1, disturbs=True, time_limit=50, rules=rules)
    env = make_from_levels(config, LevelCycle([level]), seed=0)
    env.reset()
    steps = [env.step(np.array([action])) for action in plan]
    return [bool(infos["disturbs"][0]) for *_, infos in steps], steps[-1]


def below_the_block(level):
    """Return the level with the agent right under the left half of its green block."""
    board = np.where(level.board & cells.AGENT, cells.EMPTY, level.board)
    y, x = np.argwhere(board & cells.ALIVE)[2]
    board[y + 1, x] = cells.PLAYER
    return type(level)(board.astype(np.uint16), level.goals)


def test_toggling_green_life_disturbs_and_walking_in_the_open_does_not():
    level = below_the_block(LEVELS[0])
    disturbs, _ = walk(level, [0, TOGGLE_UP, UP])
    assert disturbs[:2] == [False, True]
    y, x = level.agent
    side, back = (RIGHT, LEFT) if level.board[y, x + 1] == cells.EMPTY else (LEFT, RIGHT)
    assert not any(walk(level, [side, back, 0])[0])


@pytest.mark.parametrize("rules", ["1.0", "1.2"])
def test_leaving_through_the_exit_disturbs_nothing(rules):
    board = np.zeros((9, 9), np.uint16)
    board[4, 4], board[4, 6] = cells.PLAYER, cells.OPEN_EXIT
    disturbs, (_, _, left, _, _) = walk(Level(board, np.zeros_like(board)), [RIGHT, RIGHT], rules)
    assert left[0]
    assert disturbs == [False, False]


def test_each_game_has_its_own_label_though_another_one_ends():
    level = below_the_block(LEVELS[0])
    far = LEVELS[1]
    config = SafeLifeConfig(task="ways", num_envs=3, disturbs=True, time_limit=1, num_threads=2)
    env = make_from_levels(config, LevelCycle([level, far, level]), seed=0)
    env.reset()
    *_, infos = env.step(np.array([TOGGLE_UP, 0, 0]))
    assert infos["disturbs"].tolist() == [True, False, False]
    assert infos["_episode"].all()


def test_the_way_through_leaves_less_green_life_and_takes_two_toggles():
    level = below_the_block(LEVELS[0])
    _, x = level.agent
    to_exit = np.argwhere(level.board & cells.EXIT)[0]
    sideways = [RIGHT if to_exit[1] > x else LEFT] * abs(int(to_exit[1]) - x)
    plan = [TOGGLE_UP, UP, TOGGLE_UP, UP, UP, *sideways, UP, UP]
    disturbs, (_, _, left, _, infos) = walk(level, plan)
    assert left[0]
    assert sum(disturbs) >= 2
    final = infos["final_board"][0]
    assert (final & cells.ALIVE > 0).sum() < 4


@pytest.mark.parametrize("rules", ["1.0", "1.2"])
def test_a_step_disturbs_if_the_same_state_after_doing_nothing_has_other_things(rules):
    rng = np.random.default_rng(3)
    for number in range(25):
        level = random_level(rng, shape=(9, 9), crowded=0.3)
        config = SafeLifeConfig(num_envs=1, rules=rules, disturbs=True, draws="pcg64")
        env = make_from_levels(config, LevelCycle([level]), seed=number)
        env.reset()
        for _ in range(4):
            before = env.get_state()
            action = int(rng.integers(9))
            *_, infos = env.step(np.array([action]))
            after = things(env.games.board[0])
            if "_episode" in infos:
                break
            there = env.get_state()
            env.set_state(before)
            env.step(np.array([0]))
            assert infos["disturbs"][0] == (things(env.games.board[0]) != after).any()
            env.set_state(there)


def things(board):
    return np.where(board & (cells.AGENT | cells.EXIT), 0, board)


def test_labels_change_nothing_else():
    acts = np.random.default_rng(1).integers(0, 9, (150, 4))
    seen = []
    for asked in (False, True):
        config = SafeLifeConfig(task="append-spawn", num_levels=2, num_envs=4, disturbs=asked)
        env = make_safelife(config, seed=0)
        env.reset()
        seen.append([env.step(some)[:4] for some in acts])
    for plain, labelled in zip(*seen, strict=True):
        for one, other in zip(plain, labelled, strict=True):
            assert np.array_equal(one, other)


def test_an_unknown_task_and_an_exit_that_cannot_shut_are_one_clear_line():
    with pytest.raises(ConfigError, match=r"task 'way': did you mean 'ways'"):
        task_named("way")
    with pytest.raises(ConfigError, match=r"env\.min_performance has no effect"):
        configs.load("safelife/impact-ppo", ["env.min_performance.end=0.3"])


def test_labels_of_disturbing_steps_are_asked_of_a_world_that_gives_them():
    with pytest.raises(ConfigError, match=r"set env\.disturbs=true"):
        configs.load("safelife/impact-penalise", ["env.disturbs=false"])
