"""Mazes as tensors are the native engine's, given the same levels and cheese."""

import dataclasses

import numpy as np
import pytest
import torch

from chisel import configs, envs
from chisel.configs import ConfigError, EnvironmentFault
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import LevelSetRecipe, build_level_set, make_maze, make_training, paths
from chisel.envs.maze.goals import RegionCheese
from chisel.envs.maze.make import cheese_of, training_recipe
from chisel.envs.maze.rules import CHEESE, FREE, WALL, Look
from chisel.envs.maze.tables import level_tables

LEVELS = LevelsConfig(set_size=60, max_size=9, split="train")
FLAT = {"use_backgrounds": False, "use_monochrome_assets": True}
CONFIGS = {
    "stock": MazeConfig(observation="symbolic", levels=LEVELS),
    "region": MazeConfig(observation="float", levels=LEVELS, cheese="region", region=3),
    "two-goals": MazeConfig(observation="symbolic", levels=LEVELS, goals="cheese-and-corner"),
    "two-goals-region": MazeConfig(
        observation="symbolic", levels=LEVELS, goals="cheese-and-corner", cheese="region", region=4
    ),
    "corner-cell": MazeConfig(observation="symbolic", levels=LEVELS, cheese="region", region=0),
    "hard": MazeConfig(observation="symbolic", mode="hard", levels=LevelsConfig(set_size=40)),
    "memory": MazeConfig(observation="symbolic", mode="memory", levels=LevelsConfig(set_size=9)),
    "pixels": MazeConfig(**FLAT, levels=LEVELS, cheese="region"),
    "hard-pixels": MazeConfig(**FLAT, mode="hard", levels=LevelsConfig(set_size=20)),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
GOLDEN, TURN = 0x9E3779B97F4A7C15, 2**64


def on_device(config, **options):
    return dataclasses.replace(config, engine="device", **options)


def word_of(key, episode):
    """The draws as they are described, in whole numbers of any size."""
    first = splitmix(key[0] + (key[1] + 1) * GOLDEN)
    return splitmix(first + (episode + 1) * GOLDEN)


def splitmix(word):
    word %= TURN
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % TURN
    word = (word ^ word >> 27) * 0x94D049BB133111EB % TURN
    return word ^ word >> 31


class Chosen:
    """Deals the native engine the levels and cheese of the device's draws (a `LevelSampler`)."""

    def __init__(self, config, level_set, seed):
        self.seed = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
        self.level_set, self.cheese = level_set, cheese_of(config)
        self.timeout, self.episodes = config.timeout, {}

    def draw(self, rows, engine):
        levels, chosen = self.level_set, np.zeros(len(rows), np.int64)
        for number, row in enumerate(rows.tolist()):
            episode = self.episodes[row] = self.episodes.get(row, -1) + 1
            word = word_of((self.seed, row), episode)
            index = chosen[number] = (word % 2**32) * len(levels) >> 32
            world, size = levels.worlds[index].copy(), int(levels.sizes[index])
            if self.cheese is not None:
                lay(world, size, self.cheese, word >> 32)
            boards = engine.boards
            boards.worlds[row], boards.sizes[row] = world, size
            boards.mice[row], boards.seeds[row] = levels.starts[index], levels.seeds[index]
        engine.place(rows, levels.backgrounds[chosen], levels.shifts[chosen], self.timeout)
        return chosen

    def reseed(self, seed):
        pass

    def rewind(self):
        pass


def lay(world, size, cheese, draw):
    """Move the cheese to one of the free cells of its region, by 32 random bits."""
    margin = (len(world) - size) // 2
    grid = world[margin : margin + size, margin : margin + size]
    grid[grid == CHEESE] = FREE
    first = size - min(max(cheese.region, 1), size)
    cells = [
        (row, col)
        for row in range(first, size)
        for col in range(first, size)
        if grid[row, col] == FREE
        and (row, col) != (0, 0)
        and not (cheese.spare_corner and row == col == size - 1)
    ]
    if cells:
        grid[cells[draw * len(cells) >> 32]] = CHEESE


def native(config, device_env, seed):
    """The native engine with the device's draws and level set."""
    env = make_maze(config, seed=5)
    level_set = env._level_sampler.level_set
    assert level_set.digest == device_env.get_state()["set_digest"]
    env._level_sampler = Chosen(config, level_set, seed)
    return env


@pytest.mark.parametrize(
    ("name", "steps"),
    [(name, 1000 if name in ("region", "two-goals-region") else 150) for name in CONFIGS],
)
def test_64_games_are_those_of_the_native_engine(name, steps):
    config = dataclasses.replace(CONFIGS[name], num_envs=64, timeout=60)
    device = make_training(on_device(config), seed=5)
    seen, _ = device.reset(seed=8)
    host = native(config, device, 8)
    np.testing.assert_array_equal(seen, host.reset()[0])
    ends = 0
    for row in np.random.default_rng(0).integers(0, 15, (steps, 64)):
        obs, rewards, ended, truncated, infos = host.step(row)
        ours = device.step(torch.from_numpy(row))
        for one, other in zip(ours[:4], (obs, rewards, ended, truncated), strict=True):
            np.testing.assert_array_equal(one, other)
        assert infos.keys() == ours[4].keys()
        if infos:
            facts = ours[4]["episode"]
            assert facts.keys() == infos["episode"].keys()
            for fact, values in infos["episode"].items():
                np.testing.assert_array_equal(facts[fact][ended], values[ended], fact)
        ends += ended.sum()
    assert ends > 100


@every_config
def test_the_checker_finds_nothing(config):
    config = on_device(config, timeout=40)
    envs.check_vector_env(lambda seed: envs.make(config, seed=seed, num_envs=3), steps=240)


def test_a_games_episodes_do_not_depend_on_how_many_others_there_are():
    config = on_device(CONFIGS["two-goals"], timeout=20)
    few, many = (make_training(config, seed=1, num_envs=num) for num in (3, 50))
    first = few.reset(seed=2)[0], many.reset(seed=2)[0][:3]
    assert torch.equal(*first)
    for row in np.random.default_rng(1).integers(0, 15, (80, 50)):
        one, other = few.step(row[:3]), many.step(row)
        assert torch.equal(one[0], other[0][:3])


def test_levels_and_cheese_are_drawn_uniformly():
    config = on_device(CONFIGS["region"], timeout=1, num_envs=512)
    env = make_training(config, seed=0)
    env.reset()
    marks = [env.advance(torch.full((512,), 4))[3] for _ in range(60)]
    levels = torch.cat([one["level"] for one in marks])
    counts = torch.bincount(levels, minlength=60).double()
    expected = len(levels) / 60
    assert ((counts - expected).square() / expected).sum() < 59 + 5 * (2 * 59) ** 0.5
    cheese = torch.cat([one["cheese"] for one in marks])
    tables = level_tables(build_level_set(training_recipe(config), 0), 9, RegionCheese(3))
    for level in range(60):
        possible = tables.cells[level][: tables.counts[level]]
        assert set(cheese[levels == level].tolist()) == set(possible.tolist())


def build(count):
    return build_level_set(LevelSetRecipe(Look(), count, (3, 5, 7, 9), split="train"), 0)


def test_a_step_is_one_graph_that_never_waits_for_the_device():
    for name in ("two-goals", "pixels"):
        env = make_training(on_device(CONFIGS[name]), seed=0, num_envs=4)
        env.reset()
        step = torch.compile(env.advance, fullgraph=True, backend="eager")
        step(torch.zeros(4, dtype=torch.int64))


def test_tables_say_what_searches_find():
    levels = build(30)
    tables = level_tables(levels, 11, RegionCheese(5))
    for index in range(30):
        level = levels[index]
        size, open_cells = level.size, level.grid != WALL
        ring, steps = (11 - size) // 2, paths.distances(open_cells, (0, 0))
        for row, col in paths.free_cells(open_cells):
            cell = (ring + size - 1 - row) * 11 + ring + col
            assert tables.steps[index, cell] == steps[row, col]
            square = paths.decision_square(open_cells, (0, 0), (row, col))
            assert tables.decides[index, cell] == (square is not None)
        assert (~tables.walls[index]).sum() == open_cells.sum()


class TestState:
    def test_another_environment_goes_on_to_the_bit(self):
        config = on_device(CONFIGS["two-goals-region"], timeout=30, num_envs=8)
        actions = np.random.default_rng(3).integers(0, 15, (120, 8))
        env, other = make_training(config, seed=4), make_training(config, seed=4)
        env.reset(seed=9)
        for row in actions[:60]:
            env.step(row)
        state = env.get_state()
        expected = [env.step(row)[:3] for row in actions[60:]]
        other.set_state(state)
        for row, want in zip(actions[60:], expected, strict=True):
            assert all(map(torch.equal, other.step(row)[:3], want))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": 2}, "not a state of this environment: format 2"),
            ({"corner_ends": True}, "saved with other env.goals"),
            ({"set_digest": "of another version"}, "plays another level set"),
        ],
    )
    def test_a_state_of_something_else_is_refused_in_one_line(self, change, message):
        env = make_training(on_device(CONFIGS["stock"]), seed=0, num_envs=2)
        env.reset()
        with pytest.raises(EnvironmentFault, match=message):
            env.set_state(env.get_state() | change)

    def test_another_number_of_games_is_refused(self):
        few, many = (
            make_training(on_device(CONFIGS["stock"]), seed=0, num_envs=num) for num in (2, 3)
        )
        few.reset()
        with pytest.raises(EnvironmentFault, match="the state has 2 copies"):
            many.set_state(few.get_state())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["env.levels.set_size=0"], "env.engine = device: plays levels made before training"),
        (["env.observation=pixels"], "env.engine = device draws no textures"),
        (
            [
                "env.observation=pixels",
                "env.mode=memory",
                "env.use_backgrounds=false",
                "env.use_monochrome_assets=true",
            ],
            "cannot draw views that follow the mouse",
        ),
    ],
)
def test_what_the_device_engine_lacks_is_refused_before_anything_runs(settings, message):
    given = ["env.engine=device", "env.levels.max_size=null", *settings]
    with pytest.raises(ConfigError, match=message):
        configs.load("maze/smoke", given)


def test_make_maze_says_who_makes_these_mazes():
    with pytest.raises(ConfigError, match="make makes these mazes"):
        make_maze(on_device(CONFIGS["stock"]), seed=0)
