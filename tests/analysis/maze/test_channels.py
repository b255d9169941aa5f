"""Channels, clamping and resampling of a network of known weights, computed by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

from chisel import configs
from chisel.analysis.interventions import LayerSplit, clamp_each, intervene, zero
from chisel.analysis.maze import direct_logit_attribution, layer_cell, move_logits, view_side
from chisel.analysis.maze.channels import (
    ablation_sweep,
    channel_sheet,
    donor_for,
    goal_tracking,
    matched_channels,
    path_probability,
    random_channels,
    record_maze,
    resampled,
    retarget_figure,
    retarget_map,
    ways_of,
    with_cheese,
)
from chisel.analysis.results import save_figure
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState, observe_states, paths
from chisel.models import ActorCritic, Spaces, build, to_tensor
from tests.analysis.maze.cheese_seeker import (
    CHEESE,
    CONFIG,
    IDLE,
    MAZES,
    MOUSE,
    PULL,
    WALLS,
    CheeseSeeker,
    maze,
    observe,
)


def probabilities(mouse, cheese):
    """Compute the seeker's moves by hand; without cheese its place counts as the middle."""
    up, right = np.subtract(cheese or (2, 2), mouse)
    logits = PULL * np.array([-right, -up, up, right])
    return np.exp(logits) / np.exp(logits).sum()


def layer_split(model):
    return LayerSplit(model, "embedder.maps")


def test_the_channel_that_follows_the_cheese_is_found_and_no_other(seeker):
    states = [maze(n) for n in range(3)]
    found = goal_tracking(
        layer_split(seeker), states, observe, CONFIG, cells=8, generator=np.random.default_rng(0)
    )
    assert found.best(4) == [CHEESE]
    np.testing.assert_allclose(found.correlation[[MOUSE, WALLS, IDLE]], 0)
    assert found.correlation[CHEESE] > 0.9
    assert found.hits.tolist() == [1, 0, 0, 0]
    assert found.at_cheese[CHEESE] == 1
    assert found.elsewhere[CHEESE] == 0
    assert found.selectivity[CHEESE] > 3


def test_a_channel_that_goes_down_at_the_cheese_is_found_as_well(seeker):
    with torch.no_grad():
        seeker.embedder.maps.weight[IDLE, 2] = -3
    found = goal_tracking(
        layer_split(seeker), [maze(0)], observe, CONFIG, cells=8, generator=np.random.default_rng(0)
    )
    with torch.no_grad():
        seeker.embedder.maps.weight[IDLE, 2] = 0
    assert set(found.best(4)) == {CHEESE, IDLE}
    assert found.correlation[IDLE] == pytest.approx(-found.correlation[CHEESE])
    assert found.hits[IDLE] == 1


def test_direct_logit_attributions_add_up_to_the_logits(seeker):
    state = maze()
    obs = to_tensor(observe([state]))
    given = direct_logit_attribution(layer_split(seeker), obs)[0]
    up, right = np.subtract(state.cheese[0], (2, 2))
    mouse_up, mouse_right = np.subtract(state.mouse, (2, 2))
    # The mean over 15 actions of what the biases give is the same for all inputs.
    for channel, (u, r) in ((CHEESE, (up, right)), (MOUSE, (-mouse_up, -mouse_right))):
        one = np.array([-r / 3, -u, u, r / 3, 0]) * PULL  # three actions go left, one goes down
        np.testing.assert_allclose(given[channel], one - one.mean(), atol=1e-5)
    np.testing.assert_allclose(given[[WALLS, IDLE]], 0, atol=1e-6)


def test_direct_logit_attributions_and_biases_are_the_logits_of_any_such_network():
    model = small_impala()
    obs = torch.randint(0, 2, (3, 3, 5, 5), generator=torch.Generator().manual_seed(0)).float()
    one = LayerSplit(model, "embedder.block2.res2.resadd")
    maps = one.before(obs)
    given = direct_logit_attribution(one, obs).sum(1)
    eps = 1e-3  # slightly smaller activations: what the biases give is the same
    scores = [move_logits(one.after(maps * f, obs)[0]).detach().numpy() for f in (1, 1 - eps)]
    np.testing.assert_allclose((scores[0] - scores[1]) / eps, given, rtol=2e-2, atol=2e-3)


def small_impala():
    config = configs.load("maze/quick", ["model.channels=[4,5,6]", "model.hidden=16"])
    model = build(config.model, Spaces((5, 5, 3), "uint8", 1.0, 15), seed=1).double().eval()
    with torch.no_grad():
        model.fc_policy.weight.mul_(100)
    return model


@pytest.mark.parametrize(
    "module",
    [
        "embedder",
        "embedder.block1",
        "embedder.block1.conv",
        "embedder.block2.res1.resadd",
        "embedder.block2.res1.conv1",
        "embedder.block3.res2",
        "embedder.relufc",
    ],
)
def test_a_network_split_at_any_layer_gives_the_outputs_of_the_whole(module):
    model = small_impala()
    obs = torch.randint(0, 2, (4, 3, 5, 5), generator=torch.Generator().manual_seed(0)).float()
    one = LayerSplit(model, module)
    logits, values = one.after(one.before(obs), obs)
    whole = model(obs)
    torch.testing.assert_close(logits, whole[0].detach())
    torch.testing.assert_close(values, whole[1].detach())
    edited, _ = one.after(one.before(obs), obs, zero([0, 1, 2, 3]))
    with intervene(model, {module: zero([0, 1, 2, 3])}):
        torch.testing.assert_close(edited, model(obs)[0].detach())
    assert not torch.allclose(edited, logits)


def test_layers_before_the_split_run_once():
    model, calls = small_impala(), []
    model.embedder.block1.register_forward_hook(lambda *_: calls.append(1))
    one = LayerSplit(model, "embedder.block2.res1.resadd")
    obs = torch.zeros(2, 3, 5, 5)
    maps = one.before(obs)
    for _ in range(3):
        one.after(maps, obs)
    assert len(calls) == 1


def test_retargeting_gives_the_geometric_mean_along_the_way_computed_by_hand(seeker):
    state = maze()
    found = retarget_map(
        layer_split(seeker), state, observe, CONFIG, channels=[CHEESE], values=[1.0], ceiling=True
    )
    tree = paths.path_tree(state.open, state.mouse)
    assert set(found.targets) == set(paths.free_cells(state.open)) - {state.mouse}
    for n, target in enumerate(found.targets):
        way = tree.path_to(target)
        assert found.distance[n] == len(way) - 1
        for values, cheese in ((found.clamped[n], target), (found.base[n], None)):
            product = 1.0
            for here, there in itertools.pairwise(way):
                move = ((0, -1), (-1, 0), (1, 0), (0, 1)).index(tuple(np.subtract(there, here)))
                product *= probabilities(here, cheese)[move]
            assert values == pytest.approx(product ** (1 / (len(way) - 1)), rel=1e-5)
    # For this network, a clamp at 1 is the cheese.
    np.testing.assert_allclose(found.clamped, found.moved, rtol=1e-5)
    assert not found.state.cheese


def test_a_channel_out_of_range_is_refused_by_its_number(seeker):
    with pytest.raises(ConfigError, match="unit 4 is out of range"):
        retarget_map(layer_split(seeker), maze(), observe, CONFIG, channels=[4], values=[1.0])
    with pytest.raises(ConfigError, match="no module"):
        LayerSplit(seeker, "embedder.map").before(torch.zeros(1, 3, 5, 5))


def test_each_square_of_a_way_has_the_mouse_facing_its_last_step_sideways():
    # Right along the lowest row; or up, right along the middle one, up, and left along the top.
    ways = ways_of(maze(2))
    facing = {one.mouse: one.is_reflected for one in ways.squares}
    assert len(ways.squares) == len(facing)
    right = [(0, 1), (0, 3), (2, 1), (2, 4), (3, 4), (4, 4)]
    left = [(0, 0), (1, 0), (2, 0), (4, 3), (4, 1)]
    assert [facing[cell] for cell in right + left] == [True] * 6 + [False] * 5
    assert (0, 4) not in facing  # nothing is done at the end of a way


def test_a_clamp_keeps_every_examples_own_map_and_may_lie_beyond_the_number_of_channels():
    """Public code writes the first example's channel into all, and checks cells by channels."""
    maps = torch.arange(3 * 4 * 6 * 6).view(3, 4, 6, 6).float()
    edited = clamp_each([1], torch.tensor([[5, 5], [0, 1], [2, 3]]), 9.0)(maps)
    expected = maps.clone()
    expected[0, 1, 5, 5] = expected[1, 1, 0, 1] = expected[2, 1, 2, 3] = 9
    assert torch.equal(edited, expected)
    with pytest.raises(ConfigError, match="out of range"):
        clamp_each([1], torch.tensor([[6, 0]] * 3), 9.0)(maps)


def test_path_probability_sums_all_actions_of_a_move(seeker):
    """Public code pairs five moves with the first five of fifteen outputs."""
    state = MazeState.from_drawing("M.C\n###\n###", mode="easy")
    ways = ways_of(state)
    moves = np.zeros((len(ways.move), 5))
    moves[:, 3] = 0.8
    np.testing.assert_allclose(path_probability(ways, moves), [0.8, 0.8])
    model = ActorCritic(
        CheeseSeeker(), hidden=2, num_actions=15, obs_range=1, generator=torch.Generator()
    ).eval()
    with torch.no_grad():
        model.fc_policy.weight.zero_()
        model.fc_policy.bias.zero_()
    found = retarget_map(layer_split(model), state, observe, CONFIG, channels=[0], values=[0.0])
    np.testing.assert_allclose(found.base, 3 / 15)  # three of fifteen go right


def test_resampling_has_no_effect_at_the_same_cell_and_the_computed_one_elsewhere(seeker):
    state = with_cheese(maze(0), (2, 4))
    donor = donor_for(state, [maze(n) for n in range(4)], np.random.default_rng(0))
    assert donor.same.cheese == state.cheese
    assert np.array_equal(donor.same.open, donor.different.open)
    assert not np.array_equal(donor.same.open, state.open)
    (other,) = donor.different.cheese
    assert max(abs(np.subtract(other, (2, 4)))) >= 2
    seen = record_maze(layer_split(seeker), state, observe)
    same, different = resampled(seen, donor, observe, [CHEESE])
    squares = [cell for cell in paths.free_cells(state.open) if cell != (2, 4)]
    expected = [
        np.abs(probabilities(cell, other) - probabilities(cell, (2, 4))).sum() / 2
        for cell in squares
    ]
    assert same == pytest.approx(0, abs=1e-6)
    assert different == pytest.approx(np.mean(expected), rel=1e-4)
    for channel in (WALLS, IDLE):
        idle = resampled(seen, donor, observe, [channel])
        assert idle == pytest.approx((0, 0), abs=1e-6)


def test_a_receiver_without_cheese_or_without_a_partner_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="0 cheeses, but one is needed"):
        donor_for(with_cheese(maze(), None), [maze(1)], rng)
    with pytest.raises(ConfigError, match="no other maze"):
        donor_for(maze(), [maze()], rng)


def test_ablating_has_an_effect_for_the_channel_that_matters_alone(seeker):
    seen = [record_maze(layer_split(seeker), maze(n), observe) for n in range(2)]
    means = torch.stack([one.maps.mean(0) for one in seen]).mean(0)
    zeros, averages = ablation_sweep(seen, means)
    np.testing.assert_allclose(zeros[[WALLS, IDLE]], 0, atol=1e-6)
    np.testing.assert_allclose(averages[[WALLS, IDLE]], 0, atol=1e-6)
    expected = []
    for n in range(2):
        (cheese,) = maze(n).cheese
        cells = [cell for cell in paths.free_cells(maze(n).open) if cell != cheese]
        before = np.array([probabilities(cell, cheese) for cell in cells])
        after = np.array([probabilities(cell, None) for cell in cells])
        expected.append(np.abs(before - after).sum(1).mean() / 2)
    assert zeros[CHEESE] == pytest.approx(np.mean(expected), rel=1e-4)


def test_controls_are_as_many_other_channels_with_the_closest_effects():
    effects, rng = np.array([0.5, 0.1, 0.45, 0.0, 0.11, 0.9]), np.random.default_rng(0)
    assert matched_channels(effects, [0, 1], rng) == [2, 4]
    for _ in range(20):
        drawn = random_channels(6, [0, 1], rng)
        assert len(set(drawn)) == 2
        assert not {0, 1} & set(drawn)
    with pytest.raises(ConfigError, match="1 other channels for 2"):
        matched_channels(effects[:3], [0, 1], rng)


@pytest.mark.parametrize("view", ["pixels", "symbolic"])
def test_layer_cells_are_where_the_cheese_is_in_the_observation(view):
    config = configs.load("maze/quick", [f"env.observation={view}", "env.num_threads=0"]).env
    state = MazeState.from_drawing(MAZES[0], mode="easy")
    side = view_side(config)
    for cell in ((0, 2), (4, 4), (2, 3), (4, 0)):
        one, other = (observe_states([with_cheese(state, c)], config)[0] for c in (cell, (2, 0)))
        changed = np.argwhere((one.astype(int) != other).any(-1))
        row, col = layer_cell(state, cell, side, one.shape[:2])
        assert np.abs(changed - (row, col)).max(axis=1).min() <= 1
        size = math.ceil(one.shape[0] / side)
        gone = layer_cell(state, (2, 0), side, one.shape[:2])
        near = [(np.abs(changed - place).max(axis=1) <= size) for place in ((row, col), gone)]
        assert np.logical_or(*near).all()
    with pytest.raises(ConfigError, match="moves with the mouse"):
        view_side(configs.load("maze/easy", ["env.mode=memory", "env.observation=pixels"]).env)


def test_figures_show_every_channel_and_every_target(seeker, tmp_path):
    found = retarget_map(layer_split(seeker), maze(), observe, CONFIG, channels=[0], values=[1.0])
    figure = retarget_figure(found, "where it can be led")
    values = np.asarray(np.ma.filled(figure.axes[1].images[0].get_array(), np.nan))
    assert np.isfinite(values).sum() == len(found.targets)
    assert values[found.targets[3]] == pytest.approx(found.clamped[3])
    save_figure(figure, tmp_path / "map.png", "x")
    maps = np.random.default_rng(0).normal(size=(2, 11, 4, 4))
    sheet = channel_sheet(maps[0], maps[1], "sheet", {3: "cheese"})
    assert sum(bool(ax.images) for ax in sheet.axes) == 11
    assert save_figure(sheet, tmp_path / "sheet.png", "x").stat().st_size > 5000
