"""With two goals the corner ends episodes like the cheese, is not drawn, and is told apart in
facts."""

import itertools

import numpy as np
import pytest
from scipy import stats

from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import (
    ACTION_OF_MOVE,
    MOVE_DELTAS,
    MOVE_OF_ACTION,
    LevelSet,
    MazeState,
    make_evaluation,
    make_from_levels,
    make_maze,
    paths,
)
from tests.envs.oracles import filled_path, random_tree, relaxed_distances

LEVELS = LevelsConfig(set_size=150, max_size=9, split="train")
TWO = MazeConfig(
    goals="cheese-and-corner", observation="symbolic", num_envs=8, timeout=40, levels=LEVELS
)
PIXELS = MazeConfig(goals="cheese-and-corner", num_envs=8, timeout=40, levels=LEVELS)


def actions_along(path):
    """Actions that walk a path of cells."""
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(path)]
    return [ACTION_OF_MOVE[MOVE_DELTAS.index(step)] for step in steps]


def corner(state):
    return state.maze_dim - 1, state.maze_dim - 1


def walked(state, actions):
    """Play slowly by the rules: steps, and 1 or 2 for the goal, or 0 after the last action."""
    cell, goals = state.mouse, {state.cheese[0]: 1, corner(state): 2}
    for steps, action in enumerate(actions, start=1):
        row, col = np.add(cell, MOVE_DELTAS[MOVE_OF_ACTION[action]]).tolist()
        if 0 <= row < state.maze_dim and 0 <= col < state.maze_dim and state.open[row, col]:
            cell = row, col
        if cell in goals:
            return steps, goals[cell]
    return len(actions), 0


@pytest.mark.parametrize("config", [TWO, PIXELS], ids=["symbolic", "pixels"])
def test_every_episode_ends_where_a_slow_play_of_its_actions_says(config):
    env = make_maze(config, seed=3)
    env.reset()
    states, actions = env.maze_states(), [[] for _ in range(8)]
    generator, ends = np.random.default_rng(0), np.zeros(3, int)
    for _ in range(600):
        chosen = generator.choice([0, 1, 2, 3, 5, 7, 7, 8, 5], 8)
        _, rewards, ended, truncated, infos = env.step(chosen)
        assert not truncated.any()
        for i in range(8):
            actions[i].append(int(chosen[i]))
            length, outcome = walked(states[i], actions[i])
            over = outcome > 0 or length == 40
            assert (bool(ended[i]), rewards[i]) == (over, 10.0 * (outcome > 0))
            if over:
                facts = infos["episode"]
                assert (facts["l"][i], facts["outcome"][i]) == (length, outcome)
                assert facts["success"][i] == (outcome > 0)
                assert facts["r"][i] == rewards[i]
                ends[outcome] += 1
        if ended.any():
            fresh = env.maze_states()
            for i in np.flatnonzero(ended):
                states[i], actions[i] = fresh[i], []
                assert (fresh[i].cur_time, fresh[i].mouse) == (0, (0, 0))
    assert ends.min() > 10


@pytest.mark.parametrize("outcome", [1, 2])
def test_the_way_to_a_goal_takes_as_many_steps_as_the_facts_say(outcome):
    config = MazeConfig(**{**vars(TWO), "timeout": 200})
    env, level_set = make_evaluation(config, levels=60, num_envs=60, decision=True)
    env.reset()
    plans = [
        actions_along(
            paths.shortest_path(s.open, (0, 0), s.cheese[0] if outcome == 1 else corner(s))
        )
        for s in map(level_set.state, range(60))
    ]
    done = np.zeros(60, bool)
    while not done.all():
        chosen = np.array([plan.pop(0) if plan else 4 for plan in plans])
        _, rewards, ended, _, infos = env.step(chosen)
        for i in np.flatnonzero(ended & ~done):
            facts = infos["episode"]
            assert (facts["outcome"][i], rewards[i]) == (outcome, 10)
            assert facts["l"][i] == facts["cheese_path" if outcome == 1 else "corner_path"][i]
            near = min(facts["cheese_path"][i], facts["corner_path"][i])
            assert facts["shortest_path"][i] == near
            done[i] = True


def test_paths_to_both_goals_are_those_of_slow_searches():
    generator, decided = np.random.default_rng(0), 0
    for _ in range(150):
        side = int(generator.choice([3, 5, 7, 9]))
        maze = random_tree(generator, side)
        start, cheese = map(tuple, generator.permutation(np.argwhere(maze))[:2].tolist())
        top = (side - 1, side - 1)
        found = paths.to_goals(maze, start, [cheese], top)
        distance = relaxed_distances(maze, start)
        assert found.cheese == cheese
        assert (found.cheese_path, found.corner_path) == (distance[cheese], distance[top])
        ways = filled_path(maze, start, cheese), filled_path(maze, start, top)
        assert found.decision == (top not in ways[0] and cheese not in ways[1])
        decided += found.decision
    assert 20 < decided < 130


def test_with_loops_and_holes_there_is_a_decision_where_there_is_a_decision_square():
    generator = np.random.default_rng(1)
    kinds = set()
    for _ in range(300):
        maze = generator.random((6, 6)) < 0.7
        maze[0, 0] = True
        cells = [tuple(cell) for cell in generator.permutation(np.argwhere(maze))[:3].tolist()]
        found = paths.to_goals(maze, (0, 0), cells, (5, 5))
        distance = relaxed_distances(maze, (0, 0))
        lengths = [int(distance[cell]) for cell in cells if distance[cell] >= 0]
        assert found.cheese_path == min(lengths, default=-1)
        assert found.cheese_path == (distance[found.cheese] if found.cheese else -1)
        assert found.corner_path == (distance[5, 5] if maze[5, 5] else -1)
        square = found.cheese and paths.decision_square(maze, (0, 0), found.cheese)
        assert found.decision == (square is not None)
        kinds.add((found.decision, found.corner_path < 0, found.cheese is None))
    assert len(kinds) >= 3


def test_the_cheese_is_uniform_over_the_free_cells_but_the_corner_and_the_start():
    env = make_maze(
        MazeConfig(**{**vars(TWO), "timeout": 1, "levels": LevelsConfig(set_size=1, max_size=3)}),
        seed=0,
        num_envs=64,
    )
    env.reset()
    state = env.maze_states()[0]
    free = {tuple(cell) for cell in np.argwhere(state.open).tolist()} - {(0, 0), (2, 2)}
    counts = dict.fromkeys(free, 0)
    for _ in range(30):
        infos = env.step(np.full(64, 4))[4]
        for cell in infos["episode"]["cheese"].tolist():
            counts[tuple(cell)] += 1
    assert len(free) == 5
    assert stats.chisquare(list(counts.values())).pvalue > 0.001


@pytest.mark.parametrize("region", [2, 4])
def test_in_a_region_the_cheese_lies_beside_the_corner(region):
    config = {**vars(TWO), "timeout": 1, "cheese": "region", "region": region}
    env = make_maze(MazeConfig(**config), seed=0)
    env.reset()
    for _ in range(60):
        facts = env.step(np.full(8, 4))[4]["episode"]
        first = facts["size"] - np.minimum(region, facts["size"])
        assert (facts["cheese"].min(axis=1) >= first).all()
        assert (facts["cheese"].min(axis=1) < facts["size"] - 1).all()
        assert facts["in_region"].all()


def test_the_region_of_the_facts_is_the_top_right_block():
    config = {**vars(TWO), "timeout": 1, "region": 3, "goals": "cheese"}
    env = make_maze(MazeConfig(**config), seed=0)
    env.reset()
    seen = []
    for _ in range(40):
        facts = env.step(np.full(8, 4))[4]["episode"]
        from_corner = facts["size"][:, None] - 1 - facts["cheese"]
        np.testing.assert_array_equal(facts["in_region"], (from_corner < 3).all(axis=1))
        seen += facts["in_region"].tolist()
    assert 0 < sum(seen) < len(seen)


@pytest.mark.parametrize("config", [TWO, PIXELS], ids=["symbolic", "pixels"])
def test_nothing_shows_that_the_corner_is_a_goal(config):
    _, level_set = make_evaluation(config, levels=8)
    two = make_from_levels(config, level_set)
    one = make_from_levels(MazeConfig(**{**vars(config), "goals": "cheese"}), level_set)
    np.testing.assert_array_equal(two.reset()[0], one.reset()[0])
    for level, state in zip(level_set, two.maze_states(), strict=True):
        assert level.cheese == state.cheese
        assert len(level.cheese) == 1
    generator, playing = np.random.default_rng(0), np.ones(8, bool)
    for _ in range(30):
        actions = generator.integers(0, 9, 8)
        seen, _, ended, _, _ = two.step(actions)
        known = one.step(actions)[0]
        playing &= ~ended
        np.testing.assert_array_equal(seen[playing], known[playing])
    assert 0 < playing.sum() < 8


def test_with_one_goal_the_outcome_is_whether_the_cheese_was_reached():
    env = make_maze(MazeConfig(**{**vars(TWO), "goals": "cheese"}), seed=0)
    env.reset()
    generator, outcomes, passed_by = np.random.default_rng(0), set(), 0
    for _ in range(600):
        _, rewards, ended, _, infos = env.step(generator.choice([1, 3, 5, 7, 5, 7], 8))
        if ended.any():
            facts = {k: v[ended] for k, v in infos["episode"].items()}
            np.testing.assert_array_equal(facts["outcome"], rewards[ended] > 0)
            np.testing.assert_array_equal(facts["shortest_path"], facts["cheese_path"])
            outcomes |= set(facts["outcome"].tolist())
        passed_by += sum(state.mouse == corner(state) for state in env.maze_states())
    assert outcomes == {0, 1}
    assert passed_by > 0


def test_a_corner_reached_with_the_last_step_counts():
    level_set = LevelSet.from_states([MazeState.from_drawing("##.\n##.\nC.M")] * 2)
    env = make_from_levels(MazeConfig(**{**vars(TWO), "timeout": 2}), level_set)
    env.reset()
    env.step(np.array([5, 4]))
    _, rewards, ended, _, infos = env.step(np.array([5, 4]))
    assert ended.tolist() == [True, True]
    assert rewards.tolist() == [10, 0]
    assert infos["episode"]["outcome"].tolist() == [2, 0]


def test_levels_with_a_decision_square_have_one_and_stay_the_same():
    for config in (TWO, MazeConfig(**{**vars(TWO), "goals": "cheese"})):
        _, level_set = make_evaluation(config, levels=30, decision=True, seed=5)
        for level in level_set:
            maze, top = level.grid != 51, (level.size - 1, level.size - 1)
            assert top not in filled_path(maze, level.start, level.cheese[0])
            assert level.cheese[0] not in filled_path(maze, level.start, top)
        again = make_evaluation(config, levels=30, decision=True, seed=5, num_envs=3)[1]
        assert again.digest == level_set.digest
        env = make_evaluation(MazeConfig(**{**vars(config), "timeout": 1}), levels=30, seed=5)[0]
        env.reset()
        every = env.step(np.full(30, 4))[4]["episode"]["decision"]
        assert 0 < every.sum() < 30


def test_drawn_mazes_need_a_free_corner_apart_from_start_and_cheese():
    for drawing in ("..#\n...\nM.C", "..C\n...\nM..", "..M\n...\nC.."):
        level_set = LevelSet.from_states([MazeState.from_drawing(drawing)])
        with pytest.raises(ConfigError, match="corner of level 0 is not free"):
            make_from_levels(TWO, level_set)


def test_a_state_saved_with_other_goals_is_refused():
    env = make_maze(TWO, seed=0)
    env.reset()
    other = make_maze(MazeConfig(**{**vars(TWO), "goals": "cheese"}), seed=0)
    with pytest.raises(EnvironmentFault, match=r"other env\.goals"):
        other.set_state(env.get_state())
