"""An evaluation plays each level exactly once, with the split, sizes and cheese that were asked
for."""

import numpy as np
import pytest

from chisel.configs.errors import ConfigError
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import (
    LevelSet,
    MazeState,
    make_evaluation,
    make_from_levels,
    make_maze,
    split_of,
)

TRAINED = MazeConfig(
    cheese="region",
    region=3,
    observation="symbolic",
    timeout=3,
    levels=LevelsConfig(set_size=50, max_size=9, split="train"),
)


def play(env, steps):
    """`level_index` and `level_seed` of every episode, by game."""
    env.reset()
    played = [[] for _ in range(env.num_envs)]
    for _ in range(steps):
        _, _, ended, _, infos = env.step(np.full(env.num_envs, 4))
        for row in np.flatnonzero(ended):
            facts = infos["episode"]
            played[row].append((int(facts["level_index"][row]), int(facts["level_seed"][row])))
    return played


def test_game_i_plays_levels_i_and_every_nth_after_it():
    env, level_set = make_evaluation(TRAINED, levels=10, seed=0, num_envs=4)
    played = play(env, 12)
    indices = [[index for index, _ in episodes] for episodes in played]
    assert indices == [[0, 4, 8, -1], [1, 5, 9, -1], [2, 6, -1, -1], [3, 7, -1, -1]]
    for episodes in played:
        for index, seed in episodes:
            assert index < 0 or seed == level_set.seeds[index]


def test_there_are_never_more_games_than_levels():
    env, level_set = make_evaluation(TRAINED, levels=3, num_envs=64)
    assert (env.num_envs, len(level_set)) == (3, 3)


def test_a_second_reset_begins_with_the_first_level_again():
    env, _ = make_evaluation(TRAINED, levels=10, seed=0, num_envs=4)
    assert play(env, 9) == play(env, 9)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_split_is_honoured_whatever_training_used(split):
    _, level_set = make_evaluation(TRAINED, levels=40, split=split)
    assert {split_of(level.grid) for level in level_set} == {split}
    assert level_set.sizes.max() <= 9


def test_cheese_as_trained_is_in_the_region_and_anywhere_is_procgens():
    _, trained = make_evaluation(TRAINED, levels=60, seed=1)
    _, anywhere = make_evaluation(TRAINED, levels=60, seed=1, cheese="anywhere")
    np.testing.assert_array_equal(trained.seeds, anywhere.seeds)
    for level in trained:
        assert min(level.cheese[0]) >= level.size - 3
    outside = [min(level.cheese[0]) < level.size - 3 for level in anywhere]
    assert sum(outside) > 15
    played = make_evaluation(TRAINED, levels=60, seed=1)[0]
    played.reset()
    for index, state in enumerate(played.maze_states()):
        assert state.cheese == trained[index].cheese


def test_only_the_asked_sizes_are_played():
    _, level_set = make_evaluation(TRAINED, levels=20, sizes=[7, 9])
    assert set(level_set.sizes.tolist()) == {7, 9}
    with pytest.raises(ConfigError, match="odd numbers from 3 to 9"):
        make_evaluation(TRAINED, levels=20, sizes=[11])


def test_the_same_seed_gives_the_same_levels_and_not_those_of_training():
    _, one = make_evaluation(TRAINED, levels=30, split="train", seed=0)
    _, two = make_evaluation(TRAINED, levels=30, split="train", seed=0, num_envs=2)
    assert one.digest == two.digest
    env = make_maze(TRAINED, seed=0, num_envs=30)
    training = {seed for episodes in play(env, 12) for _, seed in episodes}
    assert not training & set(one.seeds.tolist())


def test_an_evaluation_can_be_saved_and_restored_in_the_middle():
    env, _ = make_evaluation(TRAINED, levels=10, seed=0, num_envs=4)
    env.reset()
    for _ in range(4):
        env.step(np.full(4, 4))
    other, _ = make_evaluation(TRAINED, levels=10, seed=3, num_envs=4)
    other.set_state(env.get_state())
    for _ in range(9):
        one, two = (which.step(np.full(4, 4))[4] for which in (env, other))
        assert one.keys() == two.keys()
        for name, column in one.get("episode", {}).items():
            np.testing.assert_array_equal(column, two["episode"][name])


def test_mazes_drawn_by_hand_are_played_once_each():
    level_set = LevelSet.from_states(
        [MazeState.from_drawing("M.C"), MazeState.from_drawing("M..C.")]
    )
    env = make_from_levels(MazeConfig(timeout=9), level_set)
    env.reset()
    env.step(np.full(2, 7))
    _, rewards, ended, _, infos = env.step(np.full(2, 7))
    assert rewards.tolist() == [10.0, 0.0]
    assert ended.tolist() == [True, False]
    assert infos["episode"]["level_index"].tolist() == [0, 1]
    assert infos["episode"]["shortest_path"].tolist() == [2, 3]
    with pytest.raises(ConfigError, match="the level set has"):
        make_from_levels(MazeConfig(mode="hard"), level_set)


def test_an_evaluation_without_levels_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        make_evaluation(TRAINED, levels=0)
