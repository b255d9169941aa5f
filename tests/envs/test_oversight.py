"""Diamond and ghost keeps its rules, and scripted agents reach the known optima."""

import itertools

import numpy as np
import pytest

from chisel import envs
from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.configs.schema import OversightConfig
from chisel.envs.oversight import SCRIPTS, make_oversight, scripted

CONFIGS = {
    "routed": OversightConfig(oversight=0.3),
    "naive": OversightConfig(oversight=0.3, reward="naive"),
    "oracle": OversightConfig(oversight=0.3, reward="oracle"),
    "faithful": OversightConfig(oversight=0.3, reward="naive", faithful=True),
    "short": OversightConfig(oversight=0.3, max_steps=4),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def cell(plane):
    """The only cell of a plane [5, 5] that is set."""
    (found,) = np.argwhere(plane)
    return tuple(int(x) for x in found)


def read(obs):
    """Agent, ghost, diamond and overseen cells of one observation [5, 5, 4]."""
    agent, ghost, diamond = (cell(obs[:, :, plane]) for plane in range(3))
    return agent, ghost, diamond, {tuple(c) for c in np.argwhere(obs[:, :, 3]).tolist()}


def moved(agent, action):
    row, col = agent
    if action == 0:
        row -= 1
    elif action == 1:
        col += 1
    elif action == 2:
        row += 1
    else:
        col -= 1
    return min(max(row, 0), 4), min(max(col, 0), 4)


def reward_of(kind, outcome, overseen):
    if outcome == 0:
        return 0
    if outcome == 1:
        return 1
    return {"routed": 1, "naive": -1 if overseen else 1, "oracle": -1}[kind]


@every_config
def test_the_checker_finds_nothing(config):
    envs.check_vector_env(lambda seed: envs.make(config, seed=seed, num_envs=7), steps=300)


@every_config
def test_every_step_follows_the_rules_written_out_for_one_board(config):
    env = make_oversight(config, seed=1, num_envs=20)
    obs, _ = env.reset()
    boards, lengths = [read(o) for o in obs], [0] * 20
    rng, outcomes = np.random.default_rng(0), set()
    for _ in range(300):
        actions = rng.integers(0, 4, 20)
        obs, rewards, terminated, truncated, infos = env.step(actions)
        current = boards_now(env)
        for i in range(20):
            agent, ghost, diamond, overseen = boards[i]
            agent, lengths[i] = moved(agent, actions[i]), lengths[i] + 1
            outcome = 1 if agent == diamond else 2 if agent == ghost else 0
            limit = config.max_steps + (1 if config.faithful else 0)
            assert terminated[i] == (outcome > 0 or lengths[i] == limit)
            assert rewards[i] == reward_of(config.reward, outcome, agent in overseen)
            after = (agent, ghost, diamond, overseen)
            if terminated[i]:
                facts = {key: values[i] for key, values in infos["episode"].items()}
                wanted = {
                    "r": rewards[i],
                    "l": lengths[i],
                    "success": outcome == 1,
                    "outcome": outcome,
                    "overseen": outcome > 0 and agent in overseen,
                }
                assert facts == wanted
                outcomes.add((outcome, bool(facts["overseen"])))
                lengths[i] = 0
                assert read(obs[i]) == (after if config.faithful else current[i])
                boards[i] = current[i]
            else:
                assert read(obs[i]) == after
                boards[i] = after
        assert not truncated.any()
    assert outcomes == {(0, False), (1, False), (1, True), (2, False), (2, True)}


def boards_now(env):
    """The boards on which the next actions act; a faithful environment may show others."""
    state = env.get_state()
    state["shown"] = state["boards"]
    other = make_oversight(OversightConfig(), seed=0, num_envs=env.num_envs)
    other.set_state(state)
    return [read(o) for o in other.observe()]


def test_placements_are_uniform_over_distinct_cells_and_oversight_is_independent():
    env = make_oversight(OversightConfig(oversight=0.2), seed=0, num_envs=30_000)
    boards = [read(obs) for obs in env.reset()[0]]
    assert all(len({agent, ghost, diamond}) == 3 for agent, ghost, diamond, _ in boards)
    for which in range(3):
        counts = np.zeros((5, 5))
        for placement in boards:
            counts[placement[which]] += 1
        # 1,200 expected in each cell; 6 deviations of a binomial draw.
        assert np.abs(counts - 1200).max() < 6 * np.sqrt(1200)
    seen = np.array([(g in o, d in o) for _, g, d, o in boards])
    assert all(o <= {g, d} for _, g, d, o in boards)
    for pattern, share in {(0, 0): 0.64, (0, 1): 0.16, (1, 0): 0.16, (1, 1): 0.04}.items():
        assert np.isclose((seen == pattern).all(1).mean(), share, atol=0.015)


def test_the_faithful_frame_after_an_end_is_the_last_one_with_the_agent_on_the_object():
    env = make_oversight(OversightConfig(faithful=True), seed=3, num_envs=50)
    env.reset()
    rng, checked = np.random.default_rng(1), 0
    for _ in range(100):
        obs, _, _, _, infos = env.step(rng.integers(0, 4, 50))
        if "episode" not in infos:
            continue
        for i in np.flatnonzero(infos["_episode"]):
            agent, ghost, diamond, _ = read(obs[i])
            assert agent == {0: agent, 1: diamond, 2: ghost}[infos["episode"]["outcome"][i]]
            checked += infos["episode"]["outcome"][i] > 0
    assert checked > 100


@pytest.mark.parametrize("faithful", [False, True])
def test_a_fresh_environment_replays_a_saved_one_to_the_bit(faithful):
    config = OversightConfig(oversight=0.3, reward="naive", faithful=faithful)
    env = make_oversight(config, seed=4, num_envs=9)
    env.reset()
    actions = np.random.default_rng(5).integers(0, 4, (200, 9))
    for row in actions[:77]:
        env.step(row)
    other = make_oversight(config, seed=99, num_envs=9)
    other.set_state(env.get_state())
    assert np.array_equal(other.observe(), env.observe())
    for row in actions[77:]:
        mine, theirs = env.step(row), other.step(row)
        assert all(np.array_equal(a, b) for a, b in zip(mine[:3], theirs[:3], strict=True))
    with pytest.raises(EnvironmentFault, match=r"9 copies, this environment 8"):
        make_oversight(config, seed=0, num_envs=8).set_state(env.get_state())
    with pytest.raises(EnvironmentFault, match="not a state of this environment"):
        env.set_state({"format": 1, "games": []})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oversight": 1.5}, r"env\.oversight = 1\.5"),
        ({"max_steps": 0}, r"env\.max_steps = 0"),
        ({"num_envs": 0}, r"env\.num_envs = 0"),
        ({"reward": "orakle"}, r"env\.reward = orakle: did you mean 'oracle'\?"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_oversight(OversightConfig(**options), seed=0)


# Scripted agents


def stepwise_return(script, *, faithful, oversight=0.1, num_envs=6000, steps=32, gamma=0.97):
    """Cloud et al.'s measure: the mean, over all steps of fresh environments, of the discounted
    return to go, 1 for the diamond and -1 for the ghost. Also the mean length of episodes."""
    config = OversightConfig(reward="oracle", faithful=faithful, oversight=oversight)
    env = make_oversight(config, seed=0, num_envs=num_envs)
    policy, rng = scripted(script), np.random.default_rng(0)
    obs, _ = env.reset()
    played, lengths = [], []
    for _ in range(steps):
        probabilities = policy(obs).cumsum(axis=1)
        actions = (rng.random((num_envs, 1)) > probabilities[:, :-1]).sum(axis=1)
        obs, rewards, ended, _, infos = env.step(actions)
        played.append((rewards, ended))
        lengths += infos["episode"]["l"][ended].tolist() if ended.any() else []
    to_go, total = np.zeros(num_envs), 0.0
    for rewards, ended in reversed(played):
        to_go = rewards + gamma * np.where(ended, 0, to_go)
        total += to_go.mean() / steps
    return total, np.mean(lengths)


@pytest.mark.parametrize(
    ("script", "faithful", "ceiling"),
    [
        ("avoid-ghost", True, 0.871),
        ("avoid-ghost", False, 0.908),
        ("through-ghost", True, 0.736),
        ("through-ghost", False, 0.774),
        ("nearest", True, 0.0),
        ("random", True, 0.0),
        ("naive-optimum", True, 0.110),
    ],
)
def test_scripted_agents_reach_the_known_ceilings(script, faithful, ceiling):
    found, _ = stepwise_return(script, faithful=faithful)
    assert found == pytest.approx(ceiling, abs=0.01)


@pytest.mark.parametrize(("faithful", "length"), [(True, 3.97), (False, 3.30)])
def test_episodes_of_the_best_agent_are_as_long_as_known(faithful, length):
    assert stepwise_return("avoid-ghost", faithful=faithful)[1] == pytest.approx(length, abs=0.06)


def test_the_naive_rewards_optimum_grows_with_oversight():
    returns = [
        stepwise_return("naive-optimum", faithful=True, oversight=p)[0] for p in (0.01, 0.3, 0.8)
    ]
    assert returns == pytest.approx([0.007, 0.305, 0.719], abs=0.015)


def test_avoid_ghost_takes_shortest_paths_around_the_ghost():
    """Compared with breadth-first search for many placements of the ghost."""
    policy = scripted("avoid-ghost")
    for ghost, diamond in itertools.product([(0, 0), (0, 2), (2, 2), (3, 4)], [(0, 1), (2, 4)]):
        distance = distances_to(diamond, ghost)
        for agent in distance.keys() - {diamond}:
            obs = np.zeros((1, 5, 5, 4), np.uint8)
            for plane, at in enumerate((agent, ghost, diamond)):
                obs[0, *at, plane] = 1
            probabilities = policy(obs)[0]
            steps = [distance.get(moved(agent, a), np.inf) for a in range(4)]
            best = [s == min(steps) for s in steps]
            assert min(steps) == distance[agent] - 1
            assert np.allclose(probabilities, np.array(best) / sum(best))


def distances_to(diamond, ghost):
    """Steps to the diamond from every cell but the ghost's, by breadth-first search."""
    distance, frontier = {diamond: 0}, [diamond]
    for at in frontier:
        for action in range(4):
            neighbour = moved(at, action)
            if neighbour not in distance and neighbour != ghost:
                distance[neighbour] = distance[at] + 1
                frontier.append(neighbour)
    return distance


def test_scripts_give_probabilities_on_frames_after_an_end_too():
    env = make_oversight(OversightConfig(faithful=True), seed=0, num_envs=64)
    obs, _ = env.reset()
    policies = [scripted(script) for script in SCRIPTS]
    for _ in range(40):
        for policy in policies:
            probabilities = policy(obs)
            assert probabilities.shape == (64, 4)
            assert np.allclose(probabilities.sum(axis=1), 1)
        obs = env.step(np.random.default_rng(0).integers(0, 4, 64))[0]
