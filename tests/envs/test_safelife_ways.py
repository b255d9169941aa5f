"""Levels of `ways` have two ways, and a step disturbs if a twin that does nothing differs."""

from collections import deque

import numpy as np
import pytest

from chisel import configs
from chisel.configs import ConfigError, SafeLifeConfig
from chisel.envs.safelife import (
    LevelCycle,
    cells,
    generate,
    is_tempting,
    make_from_levels,
    make_safelife,
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


def test_both_ways_lead_to_the_exit_and_a_level_tempts_if_the_way_through_life_is_shorter():
    found = [(fewest_actions(one, True), fewest_actions(one, False)) for one in LEVELS]
    assert [is_tempting(one) for one in LEVELS] == [short < around for short, around in found]
    assert 10 < sum(map(is_tempting, LEVELS)) < 50


def test_the_life_of_a_level_stands_still_and_is_green():
    for level in LEVELS[:20]:
        living = level.board[level.board & cells.ALIVE > 0]
        assert living.tolist() == [cells.LIFE | cells.GREEN] * 4
        assert np.array_equal(advance(level.board), level.board)


def test_a_level_depends_on_its_seed_alone_and_has_no_exit_if_none_is_asked_for():
    assert np.array_equal(generate(WAYS, 3).board, LEVELS[3].board)
    assert len({one.board.tobytes() for one in LEVELS}) > 50
    assert not (generate(task_named("ways", exit=False), 3).board & cells.EXIT).any()


def walk(level, plan):
    config = SafeLifeConfig(task="ways", num_envs=1, disturbs=True, time_limit=50)
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
    return np.where(board & cells.AGENT, 0, board)


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


def test_labels_of_disturbing_steps_are_asked_of_a_world_that_gives_them():
    with pytest.raises(ConfigError, match=r"set env\.disturbs=true"):
        configs.load("safelife/impact-penalise", ["env.disturbs=false"])
