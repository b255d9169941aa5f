"""The maze environment plays procgen's game, reports it truthfully, and replays to the bit."""

import gc

import numpy as np
import pytest

from chisel import envs
from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import CHEESE, WALL, MazeState, make_maze, paths
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import Look
from tests.envs.oracles import Expert

LEVELS = LevelsConfig(set_size=100, max_size=9, split="train")
CONFIGS = {
    "stock": MazeConfig(num_envs=6, timeout=60),
    "region": MazeConfig(num_envs=6, timeout=60, cheese="region", region=3),
    "set_size": MazeConfig(num_envs=6, timeout=60, levels=LEVELS),
    "set-region-symbolic": MazeConfig(
        num_envs=6, timeout=60, cheese="region", region=3, levels=LEVELS, observation="symbolic"
    ),
    "hard-symbolic": MazeConfig(num_envs=6, timeout=60, mode="hard", observation="symbolic"),
    "memory-plain": MazeConfig(
        num_envs=6,
        timeout=60,
        mode="memory",
        use_backgrounds=False,
        use_monochrome_assets=True,
        restrict_themes=True,
    ),
    "float": MazeConfig(num_envs=6, timeout=60, observation="float"),
    "two-goals": MazeConfig(num_envs=6, timeout=60, goals="cheese-and-corner", levels=LEVELS),
    "two-goals-region-symbolic": MazeConfig(
        num_envs=6,
        timeout=60,
        goals="cheese-and-corner",
        cheese="region",
        region=3,
        levels=LEVELS,
        observation="symbolic",
    ),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def random_actions(steps, num, seed=0):
    return np.random.default_rng(seed).integers(0, 15, (steps, num))


def trace(env, actions):
    """Everything that steps return, comparable with ==."""
    out = []
    for row in actions:
        observations, rewards, terminated, truncated, infos = env.step(row)
        facts = {k: v.tolist() for k, v in infos.get("episode", {}).items()}
        out.append(
            (observations.tobytes(), rewards.tolist(), terminated.tolist(), truncated.any(), facts)
        )
    return out


@every_config
def test_the_checker_finds_nothing(config):
    envs.check_vector_env(lambda seed: envs.make(config, seed=seed, num_envs=3), steps=300)


@every_config
def test_a_fresh_environment_with_other_seed_engine_and_threads_replays_to_the_bit(config):
    actions = random_actions(260, 6)
    env = make_maze(config, seed=4)
    env.reset()
    before = trace(env, actions[:75])
    state = env.get_state()
    expected = trace(env, actions[75:])
    assert sum(sum(step[2]) for step in before) > 0
    assert sum(sum(step[2]) for step in expected) > 12
    other = make_maze(
        MazeConfig(**{**vars(config), "engine": "procgen", "num_threads": 0}),
        seed=99,
        num_envs=config.num_envs,
    )
    other.set_state(state)
    assert trace(other, actions[75:]) == expected
    env.set_state(state)
    assert trace(env, actions[75:]) == expected


def test_pixels_rewards_and_ends_are_exactly_procgens_own():
    env = make_maze(MazeConfig(num_envs=8), seed=7)
    observations, _ = env.reset()
    seed = int(np.random.default_rng(np.random.SeedSequence(7).spawn(2)[0]).integers(2**31 - 1))
    game = ProcgenMaze(8, Look(), seed=seed)
    np.testing.assert_array_equal(observations, game.pixels)
    ends = 0
    for row in random_actions(700, 8):
        observations, rewards, terminated, _, infos = env.step(row)
        game.step(row)
        np.testing.assert_array_equal(observations, game.pixels)
        np.testing.assert_array_equal(rewards, game.rewards)
        np.testing.assert_array_equal(terminated, game.first)
        if terminated.any():
            ends += terminated.sum()
            facts = infos["episode"]
            np.testing.assert_array_equal(
                facts["level_seed"][terminated], game.previous_seeds[terminated]
            )
            np.testing.assert_array_equal(
                facts["success"][terminated], game.completed[terminated] == 1
            )
    assert ends >= 8


@pytest.mark.parametrize(
    ("name", "side"), [("set-region-symbolic", 9), ("hard-symbolic", 25), ("float", 15)]
)
def test_the_symbolic_view_is_the_state_at_every_step(name, side):
    env = make_maze(CONFIGS[name], seed=1)
    observations, _ = env.reset()
    ends = 0
    for row in random_actions(500, 6, seed=2):
        for planes, state in zip(observations, env.maze_states(), strict=True):
            assert planes.shape == (side, side, 3)
            np.testing.assert_array_equal(planes, planes_of_world(state, side))
        observations, _, terminated, _, _ = env.step(row)
        ends += terminated.sum()
    assert ends > 20


def planes_of_world(state: MazeState, side: int):
    """The middle of the whole world with a ring of walls, turned upside down."""
    codes = np.pad(state.world, side, constant_values=WALL)
    mouse = np.zeros_like(codes)
    mouse[tuple(np.add(state.mouse, state.margin + side))] = 1
    first = len(codes) // 2 - side // 2
    middle = slice(first, first + side)
    planes = np.stack([codes == WALL, mouse == 1, codes == CHEESE], axis=-1)
    return planes[middle, middle][::-1]


def test_pixels_of_four_colours_show_the_symbolic_planes():
    plain = {"use_backgrounds": False, "use_monochrome_assets": True, "restrict_themes": True}
    seen = make_maze(MazeConfig(num_envs=8, timeout=30, **plain), seed=2)
    known = make_maze(MazeConfig(num_envs=8, timeout=30, observation="symbolic", **plain), seed=2)
    pixels, planes = seen.reset()[0], known.reset()[0]
    middle = np.rint((np.arange(15) + 0.5) * 64 / 15 - 0.5).astype(int)
    colours = {}
    for row in random_actions(40, 8):
        centres = pixels[:, middle][:, :, middle]
        kinds = (planes * [1, 2, 4]).sum(axis=-1)
        for kind in np.unique(kinds):
            found = {tuple(colour) for colour in centres[kinds == kind].tolist()}
            colours.setdefault(int(kind), set()).update(found)
        pixels, planes = seen.step(row)[0], known.step(row)[0]
    free, wall, mouse, cheese = (colours[kind] for kind in (0, 1, 2, 4))
    assert len(free) == len(wall) == len(cheese) == 1
    told_apart = [(free, wall), (free, cheese), (wall, cheese), (wall, mouse), (cheese, mouse)]
    assert not any(one & other for one, other in told_apart)


@pytest.mark.parametrize("name", ["region", "set_size", "set-region-symbolic"])
def test_a_shortest_way_reaches_the_cheese_in_as_many_steps_as_the_facts_say(name):
    config = MazeConfig(**{**vars(CONFIGS[name]), "timeout": 500})
    env = make_maze(config, seed=0)
    env.reset()
    expert, ends = Expert(env), 0
    while ends < 40:
        _, rewards, ended, _, infos = env.step(expert.act())
        assert (rewards[ended] == 10).all()
        assert (rewards[~ended] == 0).all()
        if ended.any():
            facts = infos["episode"]
            assert facts["success"][ended].all()
            assert (facts["r"][ended] == 10).all()
            np.testing.assert_array_equal(facts["l"][ended], facts["shortest_path"][ended])
        ends += ended.sum()
        expert.see(ended)


def test_the_facts_describe_the_level_that_was_played():
    env = make_maze(CONFIGS["region"], seed=0)
    env.reset()
    states = env.maze_states()
    ends = 0
    for row in random_actions(150, 6):
        _, _, ended, _, infos = env.step(row)
        for i in np.flatnonzero(ended):
            facts, state = infos["episode"], states[i]
            assert facts["level_seed"][i] == state.level_seed
            assert facts["size"][i] == state.maze_dim
            assert tuple(facts["cheese"][i]) == state.cheese[0]
            way = paths.shortest_path(state.open, (0, 0), state.cheese[0])
            assert facts["shortest_path"][i] == len(way) - 1
            assert facts["level_index"][i] == -1
            states[i] = env.maze_states()[i]
            ends += 1
    assert ends > 10


def test_a_timeout_is_terminated_unsuccessful_and_without_a_last_observation():
    env = make_maze(MazeConfig(num_envs=4, timeout=3), seed=0)
    env.reset()
    for step in range(1, 31):
        _, rewards, terminated, truncated, infos = env.step(np.full(4, 4))
        assert terminated.all() == (step % 3 == 0)
        assert not truncated.any()
        assert "final_obs" not in infos
        assert (rewards == 0).all()
        if step % 3 == 0:
            assert not infos["episode"]["success"].any()
            assert (infos["episode"]["l"] == 3).all()


def test_with_a_level_set_only_its_levels_are_played():
    config = CONFIGS["set_size"]
    env = make_maze(MazeConfig(**{**vars(config), "timeout": 4}), seed=0)
    env.reset()
    set_seeds, indices = {}, []
    for _ in range(60):
        _, _, ended, _, infos = env.step(np.full(6, 4))
        if ended.any():
            facts = infos["episode"]
            assert facts["size"][ended].max() <= 9
            indices += facts["level_index"][ended].tolist()
            pairs = dict(zip(facts["level_index"][ended], facts["level_seed"][ended], strict=True))
            set_seeds |= pairs
    assert min(indices) >= 0
    assert max(indices) < 100
    assert len(set(indices)) > 40
    assert len(set(set_seeds.values())) == len(set_seeds)


@pytest.mark.parametrize("num", [1, 3, 20])
def test_levels_of_a_set_come_from_one_stream_however_many_episodes_end_at_once(num):
    levels = LevelsConfig(set_size=50, max_size=5)
    config = MazeConfig(observation="symbolic", num_envs=num, levels=levels, timeout=1)
    env = make_maze(config, seed=7)
    env.reset()
    played = [env.step(np.full(num, 4))[4]["episode"]["level_index"] for _ in range(10)]
    stream = np.random.default_rng(np.random.SeedSequence(7).spawn(2)[1])
    np.testing.assert_array_equal(np.concatenate(played), stream.integers(50, size=10 * num))


def test_a_range_of_seeds_is_respected_by_procgens_own_stream():
    env = make_maze(MazeConfig(num_envs=4, timeout=2, levels=LevelsConfig(start=30, num=3)), seed=0)
    env.reset()
    seeds = set()
    for _ in range(40):
        _, _, ended, _, infos = env.step(np.full(4, 4))
        if ended.any():
            seeds |= set(infos["episode"]["level_seed"].tolist())
    assert seeds == {30, 31, 32}


@pytest.mark.parametrize("name", ["stock", "set-region-symbolic"])
def test_reset_with_a_seed_starts_everything_anew(name):
    env = make_maze(CONFIGS[name], seed=0)
    actions = random_actions(100, 6)
    first = env.reset(seed=5)[0].tobytes(), trace(env, actions)
    env.step(actions[0])
    again = env.reset(seed=5)[0].tobytes(), trace(env, actions)
    assert first == again
    assert env.reset(seed=6)[0].tobytes() != first[0]


def test_reset_without_a_seed_goes_on_to_new_levels_and_clean_counters():
    env = make_maze(CONFIGS["stock"], seed=0)
    env.reset()
    env.step(np.full(6, 7))
    seeds = [state.level_seed for state in env.maze_states()]
    env.reset()
    assert seeds != [state.level_seed for state in env.maze_states()]
    for _ in range(59):
        assert not env.step(np.full(6, 4))[2].any()
    assert env.step(np.full(6, 4))[2].all()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.full(6, 15), "action 15 does not exist: actions are 0…14"),
        (np.full(6, -1), "action -1 does not exist"),
        (np.zeros(5, int), "6 whole numbers"),
        (np.zeros(6), "6 whole numbers, but got float64"),
    ],
)
def test_bad_actions_are_refused_and_change_nothing(actions, message):
    env = make_maze(CONFIGS["stock"], seed=0)
    before = env.reset()[0]
    with pytest.raises(EnvironmentFault, match=message):
        env.step(actions)
    np.testing.assert_array_equal(env.observe(), before)


def test_a_state_of_another_environment_is_refused():
    env = make_maze(CONFIGS["set_size"], seed=0)
    env.reset()
    state = env.get_state()
    refusals = {
        "num_envs": make_maze(CONFIGS["set_size"], seed=0, num_envs=2),
        "saved with Look": make_maze(CONFIGS["memory-plain"], seed=0),
        "plays another level set": make_maze(
            MazeConfig(num_envs=6, levels=LevelsConfig(set_size=50, split="test")), seed=0
        ),
    }
    for message, other in refusals.items():
        with pytest.raises(EnvironmentFault, match=message):
            other.set_state(state)
    with pytest.raises(EnvironmentFault, match="format"):
        env.set_state({})
    torn = {**state, "games": [blob[:-9] for blob in state["games"]]}
    with pytest.raises(EnvironmentFault, match="not the state of a procgen maze"):
        env.set_state(torn)


def test_stepping_before_reset_is_refused():
    with pytest.raises(EnvironmentFault, match="reset"):
        make_maze(CONFIGS["stock"], seed=0).step(np.zeros(6, int))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (MazeConfig(use_generated_assets=True), "use_generated_assets"),
        (MazeConfig(levels=LevelsConfig(split="test")), "set env.levels.set_size"),
        (MazeConfig(levels=LevelsConfig(max_size=9)), "set env.levels.set_size"),
        (MazeConfig(levels=LevelsConfig(set_size=10, max_size=8)), "odd"),
        (MazeConfig(levels=LevelsConfig(set_size=10, max_size=17)), "choose at most 15"),
        (MazeConfig(levels=LevelsConfig(start=4)), "needs env.levels.num"),
        (
            MazeConfig(levels=LevelsConfig(num=5, set_size=9)),
            "set_size = 9: must be at most env.levels.num = 5",
        ),
        (MazeConfig(region=-1), "region = -1"),
        (MazeConfig(timeout=0), "timeout = 0"),
        (MazeConfig(num_envs=0), "num_envs = 0"),
        (MazeConfig(goals="cheese-and-corner"), "set env.levels.set_size"),
        (MazeConfig(observation="pixel"), "did you mean 'pixels'"),
        (
            MazeConfig(goals="cheese-and-corner", cheese="region", region=1, levels=LEVELS),
            "region = 1: .*at least 2",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        make_maze(config, seed=0)


def test_moves_are_as_the_table_says():
    from chisel.envs.maze import ACTION_OF_MOVE, MOVE_DELTAS, MOVE_OF_ACTION, MOVES

    state = MazeState.from_grid(np.full((5, 5), 100), mouse=(2, 2))
    game = ProcgenMaze(1, Look(), seed=0)
    for action in range(15):
        game.write(0, state.buffer)
        game.step(np.array([action]))
        moved = tuple(np.subtract(MazeState(game.read(0)).mouse, (2, 2)))
        assert moved == MOVE_DELTAS[MOVE_OF_ACTION[action]]
    assert MOVES == ("LEFT", "DOWN", "UP", "RIGHT", "NOOP")
    assert [MOVE_OF_ACTION[action] for action in ACTION_OF_MOVE] == [0, 1, 2, 3, 4]


def test_seeding_many_times_leaks_no_memory():
    """cffi remembers every library opened: 80 objects and 10 kB for each seed."""
    env = make_maze(MazeConfig(num_envs=2), seed=0)
    for seed in range(3):
        env.reset(seed=seed)
    gc.collect()
    before = len(gc.get_objects())
    for seed in range(30):
        env.reset(seed=seed)
    gc.collect()
    assert len(gc.get_objects()) - before < 30
    env.close()
