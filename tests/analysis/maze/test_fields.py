"""A vector field has the policy's outputs for a mouse that really stands on each square."""

import dataclasses
import functools
import itertools
import json
import sys

import numpy as np
import pytest
import torch

from chisel import configs
from chisel.analysis.maze import contact_sheet, field_figure, vector_field
from chisel.analysis.maze.fields import sum_by_move
from chisel.analysis.results import save_figure
from chisel.configs import NumericsError
from chisel.envs.maze import (
    ACTION_OF_MOVE,
    MOVE_DELTAS,
    LevelSet,
    MazeState,
    make_from_levels,
    observe_states,
    paths,
)
from chisel.models import build, spaces_of, to_tensor
from tests.envs.oracles import moves_to_root

DRAWING = """
    .#...
    .#.#.
    ...#.
    .#.#.
    M#.#C
"""


def maze_config(view):
    settings = [f"env.observation={view}", "env.num_threads=0"]
    return configs.load("maze/quick", [*settings, "model.channels=[3,4,4]", "model.hidden=16"])


def maze():
    return MazeState.from_drawing(DRAWING, mode="easy")


def network(config, env):
    model = build(config.model, spaces_of(env), seed=1)
    with torch.no_grad():  # a new policy is nearly uniform; make differences visible
        model.fc_policy.weight.mul_(100)
    return model.eval()


def shortest_path_policy(state, certainty=1.0):
    """Return logits and values of a policy that follows the way, in the order of the free cells."""
    moves = moves_to_root(paths.path_tree(state.open, state.cheese[0]))
    cells = paths.free_cells(state.open)
    logits = torch.full((len(cells), 15), -torch.inf)
    for row, cell in enumerate(cells):
        logits[row] = float(np.log((1 - certainty) / 14)) if certainty < 1 else -torch.inf
        logits[row, ACTION_OF_MOVE[moves[cell]]] = float(np.log(certainty))
    return lambda obs: (logits, torch.arange(len(cells)).float())


@pytest.mark.parametrize("view", ["pixels", "symbolic"])
def test_the_observation_of_each_square_equals_that_of_a_real_game_walked_there(view):
    config = maze_config(view)
    state = maze()
    env = make_from_levels(config.env, LevelSet.from_states([state]))
    model = network(config, env)
    observe = functools.partial(observe_states, config=config.env)
    fields = {
        side: vector_field(model, state, observe, orientation=side) for side in ("left", "right")
    }
    cheese = state.cheese[0]
    walked = [cell for cell in paths.free_cells(state.open) if cell != cheese]
    assert len(walked) == 16
    facing = set()
    for number, cell in enumerate(walked):
        obs = walk(env, number, state, cell)
        game = env.maze_states()[0]
        assert game.mouse == cell
        side = "right" if game.is_reflected else "left"
        facing.add(side)
        with torch.inference_mode():
            logits, value = model(to_tensor(obs))
        field = fields[side]
        row = field.at(cell)
        expected = torch.softmax(logits.double(), -1).numpy()
        np.testing.assert_allclose(field.moves[row], sum_by_move(expected)[0], atol=1e-5)
        np.testing.assert_allclose(field.values[row], value[0].item(), atol=1e-5)
    env.close()
    assert facing == {"left", "right"}


def walk(env, number, state, cell):
    obs, _ = env.reset(seed=number)
    path = paths.shortest_path(state.open, state.mouse, cell)
    for (row, col), (to_row, to_col) in itertools.pairwise(path):
        move = MOVE_DELTAS.index((to_row - row, to_col - col))
        obs, *_ = env.step(np.array([ACTION_OF_MOVE[move]]))
    return obs


def test_the_picture_of_the_mouse_is_seen_only_in_pixels():
    for view, differs in (("pixels", True), ("symbolic", False)):
        config = maze_config(view)
        state = maze()
        env = make_from_levels(config.env, LevelSet.from_states([state]))
        model = network(config, env)
        env.close()
        observe = functools.partial(observe_states, config=config.env)
        left = vector_field(model, state, observe, orientation="left")
        right = vector_field(model, state, observe, orientation="right")
        assert (np.abs(left.moves - right.moves).max() > 1e-9) == differs


def test_moves_are_sums_over_the_actions_that_make_them():
    rng = np.random.default_rng(0)
    actions = rng.dirichlet(np.ones(15), size=4)
    moves = sum_by_move(actions)
    by_hand = np.stack(
        [
            actions[:, [0, 1, 2]].sum(1),
            actions[:, 3],
            actions[:, 5],
            actions[:, [6, 7, 8]].sum(1),
            actions[:, [4, 9, 10, 11, 12, 13, 14]].sum(1),
        ],
        axis=1,
    )
    np.testing.assert_allclose(moves, by_hand)
    np.testing.assert_allclose(moves.sum(1), 1)


def blind(states):
    return np.zeros((len(states), 3, 3, 1), np.uint8)


def test_the_field_of_a_policy_that_follows_the_shortest_path_points_along_it():
    state = maze()
    field = vector_field(shortest_path_policy(state), state, blind)
    tree = paths.path_tree(state.open, state.cheese[0])
    for cell, net in zip(field.cells.tolist(), field.net, strict=True):
        if tuple(cell) == state.cheese[0]:
            continue
        ahead = (cell[0] + round(net[1]), cell[1] + round(net[0]))
        assert np.abs(net).sum() == pytest.approx(1)
        assert tree.distance[ahead] == tree.distance[tuple(cell)] - 1


def test_a_field_leaves_the_state_unchanged_and_runs_one_batch():
    state = maze()
    before = bytes(state.buffer)
    asked = []

    def policy(obs):
        asked.append(len(obs))
        return torch.zeros(len(obs), 15), torch.zeros(len(obs))

    field = vector_field(policy, state, blind)
    assert asked == [17] == [len(field.cells)]
    assert bytes(state.buffer) == before
    np.testing.assert_allclose(field.moves, [[3 / 15, 1 / 15, 1 / 15, 3 / 15, 7 / 15]] * 17)


def test_nan_from_the_policy_is_noticed():
    def policy(obs):
        return torch.full((len(obs), 15), torch.nan), torch.zeros(len(obs))

    with pytest.raises(NumericsError, match="NaN"):
        vector_field(policy, maze(), blind)


def test_a_field_survives_json():
    state = maze()
    field = vector_field(shortest_path_policy(state, 0.9), state, blind, orientation="right")
    plain = json.loads(json.dumps(field.to_plain(), allow_nan=False))
    assert MazeState.from_drawing("\n".join(plain["maze"])).open.tolist() == state.open.tolist()
    assert plain["cheese"] == [[0, 4]]
    assert plain["start"] == [0, 0]
    assert plain["orientation"] == "right"
    assert [s["cell"] for s in plain["squares"]] == field.cells.tolist()
    assert [s["probabilities"] for s in plain["squares"]] == field.moves.tolist()
    assert [s["value"] for s in plain["squares"]] == field.values.tolist()


def test_a_wall_has_no_row_in_a_field():
    state = maze()
    field = vector_field(shortest_path_policy(state), state, blind)
    assert field.cells[field.at((2, 1))].tolist() == [2, 1]
    with pytest.raises(KeyError):
        field.at((0, 1))


def test_arrows_lie_on_their_squares_of_the_drawn_maze():
    state = maze()
    state.look = dataclasses.replace(
        state.look, use_backgrounds=False, use_monochrome_assets=True, restrict_themes=True
    )
    field = vector_field(shortest_path_policy(state, 0.8), state, blind)
    left, right = field_figure(field, "title").axes[:2]
    picture = np.asarray(left.images[0].get_array())
    x0, x1, y0, y1 = left.images[0].get_extent()

    def colour(row, col):
        x = (col - x0) / (x1 - x0) * picture.shape[1]
        y = (y1 - row) / (y1 - y0) * picture.shape[0]
        return tuple(picture[int(y), int(x)])

    floor = set(paths.free_cells(state.open)) - {state.mouse, *state.cheese}
    seen = [{colour(*cell) for cell in cells} for cells in (floor, paths.free_cells(~state.open))]
    seen += [{colour(*state.mouse)}, {colour(*state.cheese[0])}]
    assert [len(colours) for colours in seen] == [1, 1, 1, 1]
    assert len(set.union(*seen)) == 4
    (arrows,) = [c for c in left.collections if hasattr(c, "U")]
    drawn = [cell for cell in field.cells.tolist() if tuple(cell) not in state.cheese]
    assert sorted(arrows.XY[:, ::-1].tolist()) == sorted(drawn)
    for (col, row), u, v in zip(arrows.XY, arrows.U, arrows.V, strict=True):
        np.testing.assert_allclose((u, v), field.net[field.at((int(row), int(col)))])
    values = np.ma.filled(right.images[0].get_array(), np.nan)
    known = state.open.copy()
    known[state.cheese[0]] = False
    assert (np.isfinite(values) == known).all()
    assert values[2, 1] == field.values[field.at((2, 1))]


def test_figures_are_saved_with_their_origin_and_without_global_state(tmp_path):
    before = set(sys.modules)
    state = maze()
    field = vector_field(shortest_path_policy(state, 0.8), state, blind)
    one = save_figure(field_figure(field, "one"), tmp_path / "one.png", "sha256 abc, seed 3")
    rows = [("as trained", [field] * 3), ("anywhere", [field] * 2)]
    sheet = save_figure(contact_sheet(rows, "sheet"), tmp_path / "sheet.png", "x")
    assert one.read_bytes().startswith(b"\x89PNG")
    assert b"sha256 abc, seed 3" in one.read_bytes()
    assert sheet.stat().st_size > 10_000
    assert "matplotlib.pyplot" not in set(sys.modules) - before


def test_memory_mazes_are_drawn_whole(tmp_path):
    state = MazeState.from_drawing(DRAWING, mode="memory")
    field = vector_field(shortest_path_policy(state), state, blind)
    (image,) = field_figure(field, "memory").axes[0].images
    assert tuple(image.get_extent()) == (-0.5, 4.5, -0.5, 4.5)
    floor = np.asarray(image.get_array())[20, 4]  # row 2 from the top, column 0
    assert floor.tolist() == [226, 214, 180]
