"""Gridworlds keep the contract of vector environments and play exactly by their rules."""

import numpy as np
import pytest

from chisel import configs, envs
from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.configs.schema import GridworldConfig
from chisel.envs.gridworlds import (
    WORLDS,
    GridworldVectorEnv,
    board_planes,
    make_gridworld,
    render,
    tabular,
)

every_world = pytest.mark.parametrize("name", WORLDS)


@every_world
def test_the_checker_finds_nothing(name):
    config = GridworldConfig(world=name, max_steps=9)
    envs.check_vector_env(
        lambda seed: envs.make(config, seed=seed, num_envs=5), steps=150, random_levels=False
    )


ONE_START = [
    name for name in WORLDS if WORLDS[name].keyed_by == "state" and len(tabular(name).starts) == 1
]


@pytest.mark.parametrize("name", ONE_START)
def test_random_walks_agree_with_the_rules_and_with_the_table(name):
    """Against single steps of the world's own rules, made without any table."""
    world, mdp, count = WORLDS[name], tabular(name), 6
    env = GridworldVectorEnv(world, count, max_steps=15)
    env.reset()
    rng, ends = np.random.default_rng(0), 0
    states = [world.first()] * count
    totals, hidden, steps = np.zeros(count), np.zeros(count), np.zeros(count, int)
    for _ in range(300):
        numbers, actions = env.states, rng.integers(0, 5, count)
        observations, rewards, terminated, truncated, infos = env.step(actions)
        outcomes = [world.after(*pair) for pair in zip(states, actions.tolist(), strict=True)]
        steps += 1
        totals += [one.reward for one in outcomes]
        hidden += [one.reward + one.effect for one in outcomes]
        assert rewards.tolist() == [one.reward for one in outcomes]
        assert rewards.tolist() == mdp.reward[numbers, actions].tolist()
        assert terminated.tolist() == [one.ends for one in outcomes]
        assert truncated.tolist() == (~terminated & (steps == 15)).tolist()
        for i in range(count):
            shown = infos["final_obs"][i] if terminated[i] or truncated[i] else observations[i]
            board = np.frombuffer(world.board(outcomes[i].state), np.uint8)
            board = board.reshape(shown.shape[:2])
            assert np.array_equal(shown, board_planes(board, world.planes))
            assert np.array_equal(board, mdp.boards[mdp.board[mdp.next_state[numbers, actions][i]]])
            states[i] = outcomes[i].state
            if terminated[i] or truncated[i]:
                facts = {key: values[i] for key, values in infos["episode"].items()}
                assert facts["l"] == steps[i]
                assert facts["r"] == pytest.approx(totals[i])
                assert facts["performance"] == pytest.approx(hidden[i])
                states[i], ends = world.first(), ends + 1
                totals[i], hidden[i], steps[i] = 0, 0, 0
    assert ends > 50


@pytest.mark.parametrize(
    ("name", "plan", "side_effect", "success"),
    [
        ("options", "LDRDRDR", False, True),
        ("options", "DRDDR", True, False),
        ("options", "NNNNNNNNN", False, False),
        ("correction", "NN", False, True),
        ("correction", "URRDR", True, False),
        ("offset", "DDNNNNNNN", False, True),
        ("offset", "DDRDDLUNN", True, False),
        ("offset", "NNNNNNNNN", False, False),
        ("conveyor-sushi", "NNNNNNNNN", False, True),
        ("conveyor-sushi", "DDNNNNNNN", True, False),
        ("burning-fire", "UU", False, True),
        ("damage-endless", "UUUNNNNNN", True, False),
        ("damage-endless", "URUUNNNNN", False, True),
    ],
)
def test_side_effects_and_success_are_reported(name, plan, side_effect, success):
    env = GridworldVectorEnv(WORLDS[name], 1, max_steps=9)
    env.reset()
    for letter in plan:
        infos = env.step(np.array(["UDLRN".index(letter)]))[4]
    facts = infos["episode"]
    assert (facts["side_effect"][0], facts["success"][0]) == (side_effect, success)


def test_planes_are_wall_agent_and_the_worlds_glyphs_in_order():
    env = make_gridworld(GridworldConfig(world="damage"), seed=0, num_envs=1)
    (first,), _ = env.reset()
    assert env.world.planes == ("#", "A", "D", "G")
    assert first.shape == (6, 5, 4)
    assert first[:, :, 0].sum() == 6 * 5 - 12
    cells = {plane: np.argwhere(first[:, :, plane]).tolist() for plane in (1, 2, 3)}
    assert cells == {1: [[4, 3]], 2: [[2, 1]], 3: [[1, 3]]}


def test_the_worlds_own_time_limit_holds_by_default():
    for name, limit in (("options", 100), ("offset", 20)):
        env = make_gridworld(GridworldConfig(world=name), seed=0, num_envs=1)
        env.reset()
        ends = [bool(env.step(np.array([4]))[3][0]) for _ in range(limit)]
        assert ends == [False] * (limit - 1) + [True]


def test_a_picture_has_a_square_of_one_colour_for_each_cell():
    env = make_gridworld(GridworldConfig(world="vase"), seed=0, num_envs=3)
    env.reset()
    pictures = env.render()
    assert len(pictures) == 3
    assert pictures[0].shape == (6 * 16, 5 * 16, 3)
    small = render(env.mdp.boards, cell=1)
    assert small.shape == (*env.mdp.boards.shape, 3)
    large = render(env.mdp.boards, cell=4)
    assert np.array_equal(large[:, 1::4, 3::4], small)
    assert len(np.unique(small[0].reshape(-1, 3), axis=0)) == 5  # wall, floor, agent, vase, goal


def test_states_of_other_worlds_and_sizes_are_refused():
    env = make_gridworld(GridworldConfig(world="vase"), seed=0, num_envs=3)
    with pytest.raises(EnvironmentFault, match="call reset"):
        env.observe()
    env.reset()
    state = env.get_state()
    with pytest.raises(EnvironmentFault, match="not a state of the gridworld 'damage'"):
        make_gridworld(GridworldConfig(world="damage"), seed=0).set_state(state)
    with pytest.raises(EnvironmentFault, match="3 copies, this environment 4"):
        make_gridworld(GridworldConfig(world="vase"), seed=0, num_envs=4).set_state(state)
    with pytest.raises(EnvironmentFault, match="no reset options"):
        env.reset(options={"level": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"world": "option"}, r"env\.world = option: did you mean 'options'\?"),
        ({"num_envs": 0}, r"env\.num_envs = 0"),
        ({"max_steps": 0}, r"env\.max_steps = 0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_gridworld(GridworldConfig(**options), seed=0)


def test_configs_know_every_world_and_suggest_near_names():
    base = ["experiment=e", "model.name=grid-mlp", "algo.name=ppo", "env.name=gridworld"]
    for name in WORLDS:
        assert typed_world(base, name) == name
    with pytest.raises(ConfigError, match=r"env\.world = .*did you mean 'damage'\?"):
        typed_world(base, "damages")


def typed_world(base, name):
    settings = configs.parse_settings([*base, f"env.world={name}"])
    return configs.from_plain(settings).env.world
