"""Rewards from frames, double DQN, the gate: against closed forms and exact values."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from chisel.configs import ChiselError, NumericsError
from chisel.models import FrameVae
from chisel.trainers.aup.deep.double_dqn import double_dqn_targets
from chisel.trainers.aup.deep.frame_rewards import FrameRewards
from chisel.trainers.aup.deep.gate import Gate
from chisel.trainers.aup.deep.step_replay import StepReplay
from tests.trainers.aup.deep_runs import CPU, Shown, aux_options, corridor_critic, place, rollout_of

VIEW = (4, 5)


def frame_rewards(views, weights=None, *, faithful=False, seed=0, **options):
    """Rewards that have learnt from views; without weights an encoder's."""
    generator = torch.Generator().manual_seed(seed)
    encoder = None
    if weights is None:
        encoder, weights = FrameVae(20, 1, generator), torch.ones(1, 1)
    found = FrameRewards(
        encoder,
        weights,
        shape=VIEW,
        options=aux_options(**({"frames": len(views), "encoder_learning_rate": 1e-3} | options)),
        faithful=faithful,
        generator=generator,
        device=CPU,
    )
    while not found.ready:
        found.learn(views)
    return found


def random_views(count=64, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (count, *VIEW), dtype=np.uint8))


def test_a_projection_is_linear_in_every_pixel_and_has_mean_0_and_deviation_1():
    views = random_views()
    weights = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    found = frame_rewards(views, weights)(views)
    raw = views.numpy().reshape(64, 20) / 255 @ weights.numpy()
    assert found.numpy() == pytest.approx((raw - raw.mean(0)) / raw.std(0), abs=1e-4)


def test_frames_beyond_those_asked_for_are_not_kept():
    views, others = random_views(10), random_views(50, seed=1)
    weights = torch.ones(20, 1)
    one = FrameRewards(
        None,
        weights,
        shape=VIEW,
        options=aux_options(frames=14),
        faithful=False,
        generator=torch.Generator(),
        device=CPU,
    )
    one.learn(views)
    assert not one.ready
    one.learn(others)
    assert one.ready
    again = frame_rewards(torch.cat([views, others[:4]]), weights)
    assert torch.equal(one(others), again(others))


def test_an_encoder_tells_two_kinds_of_frames_apart():
    kinds = torch.arange(128) % 2 == 1
    views = random_views(128) // 4
    views[kinds] += 150
    found = frame_rewards(views, epochs=60)(views)[:, 0]
    low, high = found[kinds], found[~kinds]
    gap = float((low.mean() - high.mean()).abs())
    assert gap > 4 * max(float(low.std()), float(high.std()))
    assert float(found.mean()) == pytest.approx(0, abs=1e-5)
    assert float(found.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_the_encoding_is_deterministic_unless_faithful():
    views = random_views()
    assert torch.equal(*(frame_rewards(views)(views) for _ in range(2)))
    ours, released = frame_rewards(views), frame_rewards(views, faithful=True)
    assert torch.equal(ours(views), ours(views))
    drawn = torch.stack([released(views) for _ in range(400)])
    mean, deviation = released.encoder.encode(views.flatten(1).float() / 255)
    error = (drawn.mean(0) - mean).abs().detach() / (deviation.detach() / 20)
    assert float(error.max()) < 5
    assert torch.allclose(drawn.std(0), deviation.detach(), rtol=0.2)


def test_an_encoder_that_is_not_finite_stops_the_run():
    with pytest.raises(NumericsError, match=r"lower algo\.aux\.encoder_learning_rate"):
        frame_rewards(random_views(), encoder_learning_rate=1e30)


def test_targets_are_those_of_double_q_learning_by_hand():
    rewards = torch.tensor([[2.0, 1.0], [4.0, 0.0]])
    online = torch.tensor([[[0.0, 5.0], [3.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    target = torch.tensor([[[9.0, 4.0], [7.0, 8.0]], [[5.0, 5.0], [5.0, 5.0]]])
    found = double_dqn_targets(rewards, online, target, torch.tensor([False, True]), 0.75)
    # The online network chooses action 1 for the first reward and 0 for the second.
    assert found.tolist() == [[0.5 + 0.75 * 4, 0.25 + 0.75 * 7], [1.0, 0.0]]


def steps_of(numbers, num_envs=2):
    """Steps whose every column says which step it is of which environment."""
    obs = torch.tensor([[[100 * env + n] for env in range(num_envs)] for n in numbers])
    actions = obs[..., 0]
    never = torch.zeros_like(actions, dtype=torch.bool)
    return {
        "obs": obs,
        "actions": actions,
        "rewards": obs.float(),
        "dones": never.clone(),
        "terminated": never.clone(),
    }


@pytest.mark.parametrize("kept", [3, 5, 8])
def test_a_replay_gives_the_newest_steps_with_what_followed_each(kept):
    replay, generator = StepReplay(kept, CPU), torch.Generator().manual_seed(0)
    for first in range(0, 12, 3):
        replay.add(steps_of(range(first, first + 3)))
    drawn = replay.draw(500, generator)
    oldest = max(0, 12 - kept)
    expected = {100 * env + n for env in range(2) for n in range(oldest, 11)}
    assert set(drawn["actions"].tolist()) == expected
    assert torch.equal(drawn["next_obs"], drawn["obs"] + 1)
    assert torch.equal(drawn["rewards"], drawn["obs"].float())
    assert len(replay) == kept - 1


def test_steps_that_were_cut_off_have_no_weight_and_those_that_ended_have():
    replay, steps = StepReplay(3, CPU), steps_of(range(3))
    steps["dones"][:2] = True
    steps["terminated"][0] = True
    replay.add(steps)
    drawn = replay.draw(50, torch.Generator().manual_seed(0))
    step = drawn["actions"] % 100
    assert torch.equal(drawn["weight"] == 0, step == 1)


def test_a_replay_goes_on_from_its_state():
    one, other = StepReplay(5, CPU), StepReplay(5, CPU)
    one.add(steps_of(range(4)))
    other.set_state(one.get_state())
    for replay in (one, other):
        replay.add(steps_of(range(4, 7)))
    drawn = [r.draw(20, torch.Generator().manual_seed(0)) for r in (one, other)]
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in drawn[0])


def test_each_reward_has_a_network_of_its_own():
    critic = corridor_critic(rewards=2)
    one, other = critic.networks.networks
    assert {p.data_ptr() for p in one.parameters()}.isdisjoint(
        p.data_ptr() for p in other.parameters()
    )
    assert all(p.dtype == torch.float32 for p in critic.networks.parameters())
    buffer, _ = rollout_of(Shown(final_obs=True), critic.policy)
    rewards = torch.stack([torch.ones(8, 4), torch.zeros(8, 4)], 2)
    alone = corridor_critic(rewards=1)
    critic.learn(buffer, rewards, 0.5)
    alone.learn(buffer, rewards[:, :, :1], 0.5)
    obs = buffer.flat("obs")
    assert torch.equal(critic.values(obs)[:, :1], alone.values(obs))


def test_exploration_is_random_at_first_and_greedy_but_for_epsilon_at_last():
    critic = corridor_critic(rewards=2, epsilon=0.2)
    env = Shown()
    obs = torch.from_numpy(env.observe())
    assert critic.policy(obs)[0].softmax(1).tolist() == [pytest.approx([0.5, 0.5])] * 4
    buffer, _ = rollout_of(env, critic.policy)
    critic.learn(buffer, torch.ones(8, 4, 2), 1.0)
    shares, values = critic.policy(obs)[0].softmax(1), critic.values(obs)
    for row in range(4):
        best = int(values[row, row % 2].argmax())
        assert float(shares[row, best]) == pytest.approx(0.9)


def exact(gamma):
    """Q of `place` on a corridor of five cells, whose last ends the episode, by iteration."""
    pays, q = [1.0, 0.0, 0.0, 3.0], np.zeros((5, 2))
    for _ in range(200):
        for cell in range(4):
            for action in (0, 1):
                q[cell, action] = pays[cell] + gamma * q[cell + action].max() * (cell + action < 4)
    return q[:4]


def trained(iterations=300, **options):
    """A critic that has learnt `place`, the gate that watched, and the corridor."""
    env = Shown(timeout=10_000)
    critic = corridor_critic(replay=4000, updates=4, batch_size=32, target_every=20, **options)
    gate = gate_of(env, fails="stop")
    collector = None
    for number in range(iterations):
        if collector is None:
            buffer, collector = rollout_of(env, critic.policy)
        else:
            collector.collect(critic.policy, buffer)
        rewards = place(buffer.flat("whole")).view(8, 4, 1)
        gate.note((number + 1) / iterations)
        critic.learn(buffer, rewards, (number + 1) / iterations)
    return critic, gate, env


@pytest.fixture(scope="module")
def learnt():
    return trained(epsilon=1.0)


def on_every_cell(env):
    env.where = np.arange(4)
    return torch.from_numpy(env.observe())


def test_values_become_those_of_value_iteration_and_pass_the_gate(learnt):
    critic, gate, env = learnt
    found = critic.values(on_every_cell(env))[:, 0].numpy()
    assert found == pytest.approx(exact(0.6), abs=0.15)
    found = gate.judge(critic.values, place)
    assert found["aup/gate"] > 0.8
    assert found["aup/gate_penalty"] > 0.8
    assert gate.get_state() == {"states": [], "found": found}


def gate_of(env, fails):
    return Gate(
        env, lambda: Shown(timeout=10_000), noop=0, gamma=0.6, least=0.8, fails=fails, device=CPU
    )


def gate_on_every_cell(fails="warn"):
    """A gate with saved corridors, in each of which the agent is on another cell."""
    env = Shown(timeout=10_000)
    env.where = np.arange(4)
    gate = gate_of(env, fails)
    gate.note(1.0)
    return gate


def returns_by_hand(values, gamma, steps):
    """What each action and then the greedy policy get from each cell."""
    pays, found = [1.0, 0.0, 0.0, 3.0, 0.0], np.zeros((4, 2))
    for start in range(4):
        for first in (0, 1):
            cell, action = start, first
            for step in range(steps):
                found[start, first] += gamma**step * pays[cell]
                cell += action
                if cell == 4:
                    break
                action = int(values[cell].argmax())
    return found


def test_the_gate_ranks_the_returns_of_the_greedy_policy_by_hand():
    table = np.array([[0.0, 1.0], [0.0, 2.0], [5.0, 0.0], [4.0, 0.0]])

    def values(obs):
        cells = obs[:, 1, :, 0].argmax(1)
        return torch.from_numpy(table)[cells][:, None]

    returns = returns_by_hand(table, 0.6, 6)  # 0.6^6 is the first below .05
    best = returns[np.arange(4), table.argmax(1)]
    assert best == pytest.approx([1.0, 0.0, 0.0, 3 * (1 - 0.6**6) / 0.4])
    found = gate_on_every_cell().judge(values, place)
    assert found["aup/gate"] == pytest.approx(spearmanr(table.max(1), best)[0])
    changes = [np.abs(one[:, 1] - one[:, 0]) for one in (table, returns)]
    assert found["aup/gate_penalty"] == pytest.approx(spearmanr(*changes)[0])


def test_untrained_values_fail_the_gate_and_the_run_says_so(capsys):
    found = []
    for seed in range(5):
        gate = gate_on_every_cell()
        found.append(gate.judge(corridor_critic(seed=seed).values, place)["aup/gate"])
        assert gate.get_state()["found"]["aup/gate"] == found[-1]
    assert np.mean(found) < 0.5
    line = capsys.readouterr().err.splitlines()[0]
    assert line.startswith("warning: the auxiliary values failed their gate: rank correlation")
    assert "below algo.aux.gate = 0.8; learn them longer (algo.aux.steps, algo.aux.updates)" in line


def test_values_that_are_all_the_same_fail_the_gate_which_may_stop_the_run():
    gate = gate_on_every_cell(fails="stop")
    with pytest.raises(ChiselError, match="rank correlation nan"):
        gate.judge(lambda obs: torch.zeros(len(obs), 1, 2), place)


def test_of_several_rewards_the_worst_counts(learnt):
    critic, _, _ = learnt

    def both(obs):
        good = critic.values(obs)
        return torch.cat([good, -good], 1)

    found = gate_on_every_cell().judge(both, lambda views: place(views).expand(-1, 2))
    alone = gate_on_every_cell().judge(critic.values, place)
    assert alone["aup/gate"] > 0.8
    assert found["aup/gate"] < alone["aup/gate"]
