"""SafeLife keeps the contract of environments, whatever its options are."""

import copy

import numpy as np
import pytest

from chisel import configs, envs
from chisel.configs import ConfigError, EnvironmentFault, RampConfig, SafeLifeConfig
from chisel.envs.safelife import (
    CHANNELS_10,
    Level,
    LevelCycle,
    cells,
    make_from_levels,
    planes_of_view,
    read_levels,
    render,
    side_by_side,
)
from chisel.models import spaces_of
from tests.envs.safelife_slow import random_level

OPEN = RampConfig(-1.0, -1.0)


def levels(count=3, seed=0, shape=(9, 11)):
    rng = np.random.default_rng(seed)
    return [
        Level(level.board, level.goals, seed=number)
        for number, level in enumerate(random_level(rng, shape, 0.3) for _ in range(count))
    ]


def make(num=5, *, seed=0, source=None, **options):
    config = SafeLifeConfig(
        **{"num_envs": num, "time_limit": 30, "min_performance": OPEN} | options
    )
    return make_from_levels(config, source or LevelCycle(levels()), seed=seed)


def lonely(facing=1):
    """A level with an open place, an exit two steps to the right, and nothing else."""
    board = np.zeros((9, 9), np.uint16)
    board[4, 4], board[4, 7] = cells.PLAYER, cells.OPEN_EXIT
    return Level(board, np.zeros_like(board), seed=5, facing=facing)


def actions_of(num, steps, seed=0):
    return np.random.default_rng(seed).integers(0, 9, (steps, num))


@pytest.mark.parametrize(
    ("options", "random"),
    [
        ({}, True),
        ({"rules": "1.2", "view": "planes", "draws": "counter", "num_threads": 2}, False),
        (
            {
                "draws": "counter",
                "movement_bonus": 0.1,
                "exit_bonus": 0.5,
                "min_performance": RampConfig(0.0, 1.0, 50, 600),
                "side_effect_penalty": RampConfig(0.0, 1.0, 50, 600),
            },
            True,
        ),
    ],
)
def test_the_checker_finds_nothing(options, random):
    envs.check_vector_env(lambda seed: make(seed=seed, **options), steps=200, random_levels=random)


def test_an_episode_has_its_facts():
    env = make(2, source=LevelCycle([lonely()]), exit_bonus=0.5)
    env.reset()
    for _ in range(2):
        *_, infos = env.step(np.array([2, 0]))
        assert not infos
    _, rewards, terminated, truncated, infos = env.step(np.array([2, 0]))
    assert (terminated.tolist(), truncated.tolist()) == ([True, False], [False, False])
    assert rewards.tolist() == [1.5, 0.0]
    facts = {name: values[0] for name, values in infos["episode"].items()}
    assert facts == {
        "r": 1.5,
        "l": 3,
        "success": True,
        "reward": 1.0,
        "performance": 1.0,
        "exited": True,
        "level_seed": 5,
    }
    assert np.array_equal(infos["start_board"][0], lonely().board)
    assert infos["final_board"][0, 4, 6] == cells.PLAYER
    for _ in range(27):
        _, _, terminated, truncated, infos = env.step(np.zeros(2, int))
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [False, True])
    assert infos["episode"]["l"][1] == 30
    assert not infos["episode"]["success"][1]


@pytest.mark.parametrize(("rules", "limit"), [("1.0", 1001), ("1.2", 1000)])
def test_without_a_limit_of_its_own_an_episode_is_as_long_as_the_versions(rules, limit):
    env = make(1, rules=rules, time_limit=None)
    env.reset()
    for length in range(1, limit + 1):
        truncated = env.step(np.array([0]))[3]
        assert truncated.tolist() == [length == limit]


def test_packed_views_are_the_planes():
    packed, planes = make(), make(view="planes")
    assert packed.channels == CHANNELS_10
    assert spaces_of(packed).packed == 10
    for words, shown in ((packed.reset()[0], planes.reset()[0]),):
        assert np.array_equal(planes_of_view(words, 10), shown)
    for row in actions_of(5, 50):
        assert np.array_equal(planes_of_view(packed.step(row)[0], 10), planes.step(row)[0])


def test_threads_change_nothing():
    alone, shared = make(7), make(7, num_threads=3)
    alone.reset()
    shared.reset()
    for row in actions_of(7, 80):
        one, other = alone.step(row), shared.step(row)
        assert all(np.array_equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))
    shared.close()


def test_a_saved_game_goes_on_with_every_array_equal():
    env, fresh = (
        make(rules="1.2", movement_bonus=0.1),
        make(seed=9, rules="1.2", movement_bonus=0.1),
    )
    env.reset()
    for row in actions_of(5, 20):
        env.step(row)
    fresh.set_state(copy.deepcopy(env.get_state()))
    for name, array in env.games._asdict().items():
        assert np.array_equal(array, getattr(fresh.games, name)), name


def test_in_1_2_a_levels_draws_are_its_own_and_in_1_0_they_go_on():
    def boards(rules):
        env = make(2, rules=rules, source=LevelCycle(levels(1)), time_limit=6)
        env.reset()
        return [env.step(np.zeros(2, int)) and env.games.board.copy() for _ in range(12)]

    first = boards("1.2")
    assert np.array_equal(first[0], first[6])
    assert not np.array_equal(boards("1.0")[0], boards("1.0")[6])


def test_standing_still_costs_what_the_reference_takes():
    env = make(1, source=LevelCycle([lonely()]), movement_bonus=0.1)
    env.reset()
    taken = [float(env.step(np.array([action]))[1][0]) for action in (1, 0, 0, 0, 0, 0, 3)]
    speeds = [1.0, 1.0 * 3 / 4, 2 / 4, 1 / 4, 0.0, 0.0, 1 / 4]
    assert taken == pytest.approx([0.1 * speed**0.01 - 0.1 for speed in speeds])


def test_the_penalty_is_on_growing_side_effects_and_follows_its_schedule():
    board = np.zeros((9, 9), np.uint16)
    board[4, 4], board[4, 5] = cells.PLAYER, cells.CRATE
    source = LevelCycle([Level(board, np.zeros_like(board))])
    env = make(1, source=source, side_effect_penalty=RampConfig(0.0, 1.0, 0, 10))
    env.reset()
    taken = [float(env.step(np.array([action]))[1][0]) for action in (2, 2, 4, 4)]
    assert taken == pytest.approx([-0.1 * 2, 0.0, 0.0, 0.4 * 2])  # out, and dragged back again


def test_the_share_that_opens_the_exit_follows_its_schedule_from_episode_to_episode():
    env = make(1, min_performance=RampConfig(0.0, 1.0, 30, 90), draws="counter")
    env.reset()
    shares = []
    for row in actions_of(1, 120):
        env.step(row * 0)
        shares.append(float(env.games.min_performance[0]))
    assert shares[28] == 0.0
    assert shares[59] == pytest.approx(0.5)
    assert shares[89] == shares[-1] == 1.0


class TestLevels:
    def test_a_folder_is_played_in_turn(self, tmp_path):
        for level in levels(2):
            np.savez(
                tmp_path / f"{level.seed}.npz",
                init_board=level.board,
                init_goals=level.goals,
                level_seed=level.seed,
            )
        config = SafeLifeConfig(levels=str(tmp_path), num_envs=3, min_performance=OPEN)
        env = envs.make(config, seed=0)
        env.reset()
        for row, number in enumerate((0, 1, 0)):
            start = read_levels(str(tmp_path))[number].board
            assert np.array_equal(env.games.start[row], start)

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"agents": 0}, "0 agents on the board"),
            ({"agents": 2}, "2 agents on the board"),
            ({"shape": (2, 9)}, "board of 2x9: sides must be 3 to 64"),
            ({"shape": (9, 65)}, "board of 9x65: sides must be 3 to 64"),
            ({"shape": (0, 0)}, "board of 0x0"),
            ({"shape": (3, 3, 3)}, "needs cells"),
            ({"goals": (4, 5)}, "different shapes"),
            ({"dtype": float}, "needs cells"),
            ({"facing": 4}, "the agent faces 4"),
            ({"dtype": int, "value": 1 << 16}, "no cells of 16 bits"),
        ],
        ids=str,
    )
    def test_what_is_no_level_is_refused_in_one_line(self, change, complaint):
        shape = change.get("shape", (5, 5))
        board = np.zeros(shape, change.get("dtype", np.uint16))
        flat = board.reshape(-1)
        flat[: min(change.get("agents", 1), flat.size)] = cells.PLAYER
        if "value" in change:
            flat[-1] = change["value"]
        goals, facing = np.zeros(change.get("goals", shape), np.uint16), change.get("facing", 1)
        with pytest.raises(ConfigError, match=complaint) as refused:
            Level(board, goals, facing=facing, name="one.npz")
        assert str(refused.value).startswith("one.npz: ")
        assert "\n" not in str(refused.value)

    def test_damaged_files_are_refused_in_one_line(self, tmp_path):
        whole = tmp_path / "whole.npz"
        np.savez(whole, init_board=lonely().board, init_goals=lonely().goals, level_seed=1)
        broken = {
            "cut": whole.read_bytes()[:-400],
            "text": b"no archive",
            "empty": b"",
        }
        for name, held in broken.items():
            folder = tmp_path / name
            folder.mkdir()
            (folder / "level.npz").write_bytes(held)
            with pytest.raises(ConfigError, match=r"level.npz: (damaged|no npz)") as refused:
                read_levels(str(folder))
            assert "\n" not in str(refused.value)
        for seed in ([], [1, 2], 0.5, "one"):
            given = {"init_board": lonely().board, "init_goals": lonely().goals}
            np.savez(whole, **given, level_seed=seed)
            with pytest.raises(ConfigError, match=r"whole.npz: level_seed must be one whole"):
                read_levels(str(tmp_path))
        np.savez(whole, init_board=lonely().board)
        with pytest.raises(ConfigError, match="has no array 'init_goals'"):
            read_levels(str(tmp_path))
        with pytest.raises(ConfigError, match="there are no npz files"):
            read_levels(str(tmp_path / "nowhere"))

    def test_levels_of_one_source_have_one_shape(self):
        with pytest.raises(ConfigError, match="different shapes"):
            LevelCycle(levels(1) + levels(1, shape=(8, 8)))
        with pytest.raises(ConfigError, match="no levels"):
            LevelCycle([])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"task": "append"}, "env.task"),
        ({"rules": "1.1"}, "env.rules"),
        ({"time_limit": 0}, "env.time_limit"),
        ({"movement_bonus": -1.0}, "env.movement_bonus"),
        ({"side_effect_penalty": RampConfig(0, -1, 0, 9)}, "reward side effects"),
        ({"min_performance": RampConfig(0.0, 1.0)}, "env.min_performance.end_frame"),
        ({"min_performance": RampConfig(0.5, 0.5, 0, 9)}, "never changes"),
    ],
    ids=str,
)
def test_impossible_options_are_refused_in_one_line(settings, complaint):
    with pytest.raises(ConfigError, match=complaint) as refused:
        envs.make(SafeLifeConfig(levels="here", **settings), seed=0)
    assert "\n" not in str(refused.value)


def test_options_are_typed_like_all_others():
    text = ["env.name=safelife", "env.min_performance.start=0.01", "env.min_performance.end=0.3"]
    text += ["env.min_performance.end_frame=1000", "env.rules=1.2", "model.name=impala"]
    env = configs.load("gridworld/ppo", text).env
    assert env.min_performance == RampConfig(0.01, 0.3, 0, 1000)
    assert env.rules == "1.2"


def test_a_state_of_another_environment_is_refused():
    env = make()
    env.reset()
    saved = env.get_state()
    for other, complaint in (
        (make(rules="1.2"), "rules of 1.2"),
        (make(4), "has 5 copies"),
        (make(source=LevelCycle(levels(2))), "env.levels"),
        (make(source=LevelCycle(levels(shape=(8, 8)))), "boards of"),
    ):
        with pytest.raises(EnvironmentFault, match=complaint):
            other.set_state(copy.deepcopy(saved))


def test_a_picture_shows_where_things_are_and_which_way_the_agent_looks():
    pictures = [render(lonely().board, lonely().goals, facing) for facing in range(4)]
    assert pictures[0].shape == (144, 144, 3)
    assert len({picture.tobytes() for picture in pictures}) == 4
    empty = pictures[0][:16, :16]
    shown = np.array(
        [
            [(pictures[0][16 * y :, 16 * x :][:16, :16] != empty).any() for x in range(9)]
            for y in range(9)
        ]
    )
    assert np.argwhere(shown).tolist() == [[4, 4], [4, 7]]
    assert side_by_side(pictures).shape == (144, 4 * 144 + 3 * 16, 3)
    goals = np.full((9, 9), cells.BLUE, np.uint16)
    assert (render(lonely().board, goals, 0)[:16, :16] != empty).any()


def test_a_view_of_the_whole_board_has_the_mean_grey_of_each_cell_of_its_picture():
    board = np.zeros((3, 4), np.uint16)
    board[0] = cells.PLAYER, cells.LIFE | cells.GREEN, cells.CRATE, cells.OPEN_EXIT
    board[1] = cells.WALL, cells.TREE, cells.SPAWNER | cells.YELLOW, cells.CLOSED_EXIT
    goals = np.zeros_like(board)
    goals[2, :2] = cells.BLUE
    env = make(2, source=LevelCycle([Level(board, goals, facing=0)]), time_limit=9)
    env.reset(seed=0)
    before = env.observe()
    views, pictures = env.whole_view(), env.render()
    for view, picture in zip(views, pictures, strict=True):
        grey = picture @ [0.299, 0.587, 0.114]
        pooled = grey.reshape(3, 16, 4, 16).mean(axis=(1, 3))
        assert np.abs(view - pooled).max() <= 0.5
    assert views.dtype == np.uint8
    assert np.array_equal(env.observe(), before)


@pytest.mark.parametrize("rules", ["1.0", "1.2"])
def test_views_of_the_whole_board_follow_the_board_and_not_the_agents_direction(rules):
    env = make(2, rules=rules)
    env.reset(seed=0)
    for actions in actions_of(2, 20):
        env.step(actions)
        facing_up = [render(b, g, 0) for b, g in zip(env.games.board, env.games.goals, strict=True)]
        for view, picture in zip(env.whole_view(), facing_up, strict=True):
            height, width = view.shape
            grey = (picture @ [0.299, 0.587, 0.114]).reshape(height, 16, width, 16)
            assert np.abs(view - grey.mean(axis=(1, 3))).max() <= 0.5
