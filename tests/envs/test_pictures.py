"""States are drawn without playing them, and look as they do in play."""

import itertools

import numpy as np
import pytest

from chisel.analysis.maze import mouse_at
from chisel.configs.errors import ConfigError
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import (
    ACTION_OF_MOVE,
    CHEESE,
    FREE,
    MOVE_DELTAS,
    WALL,
    MazeState,
    make_maze,
    observe_states,
    paths,
    render,
)

PLAIN = {"use_backgrounds": False, "use_monochrome_assets": True, "restrict_themes": True}


@pytest.mark.parametrize(
    "config",
    [
        MazeConfig(),
        MazeConfig(mode="memory"),
        MazeConfig(mode="hard", **PLAIN),
        MazeConfig(observation="symbolic"),
        MazeConfig(observation="float", levels=LevelsConfig(set_size=40, max_size=7)),
    ],
    ids=["easy", "memory", "hard-plain", "symbolic", "float"],
)
def test_states_are_observed_as_the_environment_observes_them(config):
    env = make_maze(config, seed=0, num_envs=5)
    observations, _ = env.reset()
    generator = np.random.default_rng(0)
    for _ in range(10):
        seen = observe_states(env.maze_states(), config)
        assert seen.dtype == observations.dtype
        np.testing.assert_array_equal(seen, observations)
        observations = env.step(generator.integers(0, 15, 5))[0]


@pytest.mark.parametrize(
    "config", [MazeConfig(), MazeConfig(mode="hard", **PLAIN)], ids=["textured", "plain"]
)
def test_many_states_drawn_at_once_keep_their_order_and_look(config):
    env = make_maze(config, seed=1, num_envs=3)
    env.reset()
    states = [
        turned
        for state in env.maze_states()
        for cell in paths.free_cells(state.open)
        for turned in mouse_at(state, [cell], "right")
    ][:150]
    one_by_one = np.concatenate([observe_states([state], config) for state in states])
    np.testing.assert_array_equal(observe_states(states, config), one_by_one)
    assert len(np.unique(one_by_one.reshape(len(states), -1), axis=0)) == len(states) > 100


DRAWING = """
    .#...
    .#.#.
    ...#.
    .#.#.
    M#.#C
"""


@pytest.mark.parametrize(
    "config",
    [MazeConfig(num_threads=0), MazeConfig(num_threads=0, **PLAIN)],
    ids=["full", "plain"],
)
def test_every_square_of_a_maze_is_seen_to_the_byte_as_by_a_mouse_that_walked_there(config):
    state = MazeState.from_drawing(DRAWING)
    env = make_maze(config, seed=0, num_envs=1)
    env.reset()
    look = env.maze_states()[0].look
    state.look = look
    game = {**env.get_state(), "games": [bytes(state.buffer)]}
    seen = set()
    for cell in set(paths.free_cells(state.open)) - {tuple(state.cheese[0])}:
        path = paths.shortest_path(state.open, state.mouse, cell)
        # A push against the wall turns the mouse: here both ways, on every square that has one.
        pushes = [move for move in (0, 3) if not is_open(state, cell, move)]
        for push in [None, *pushes]:
            env.set_state(game)
            moves = [move_between(*pair) for pair in itertools.pairwise(path)]
            for move in moves + ([] if push is None else [push]):
                env.step(np.array([ACTION_OF_MOVE[move]]))
            reflected = env.maze_states()[0].is_reflected
            copy = state.copy()
            copy.set_mouse(*cell)
            copy.is_reflected = reflected
            np.testing.assert_array_equal(observe_states([copy], config), env.observe())
            seen.add((cell, reflected))
    env.close()
    assert len(seen) > 16
    assert {cell for cell, _ in seen} | {(0, 4)} == set(paths.free_cells(state.open))


def move_between(one, other):
    return MOVE_DELTAS.index((other[0] - one[0], other[1] - one[1]))


def is_open(state, cell, move):
    row, col = np.add(cell, MOVE_DELTAS[move])
    side = state.maze_dim
    return bool(0 <= row < side and 0 <= col < side and state.open[row, col])


def test_the_configs_visual_options_win_over_the_states_own():
    state = MazeState.from_drawing("M..\n.#.\n..C")
    plain = observe_states([state], MazeConfig(**PLAIN))[0]
    assert len(np.unique(plain.reshape(-1, 3), axis=0)) <= 4
    assert len(np.unique(observe_states([state], MazeConfig())[0].reshape(-1, 3), axis=0)) > 50
    assert state.look.use_backgrounds


def test_observing_does_not_change_the_states():
    state = MazeState.from_drawing("M..\n.#.\n..C")
    before = state.copy()
    observe_states([state], MazeConfig(**PLAIN))
    render(state)
    assert state == before


def test_no_states_are_no_observations():
    assert observe_states([], MazeConfig()).shape == (0, 64, 64, 3)
    assert observe_states([], MazeConfig(observation="symbolic")).shape == (0, 15, 15, 3)


def test_a_maze_larger_than_the_view_or_of_another_mode_is_refused():
    config = MazeConfig(observation="symbolic", levels=LevelsConfig(set_size=1, max_size=7))
    large = MazeState.from_grid(np.full((9, 9), FREE))
    with pytest.raises(ConfigError, match="max_size to at least 9"):
        observe_states([large], config)
    with pytest.raises(ConfigError, match="mode"):
        observe_states([large], MazeConfig(mode="hard"))


def test_a_picture_shows_each_cell_in_its_place():
    state = MazeState.from_drawing("M..\n.#.\n..C")
    world = state.world
    picture = render(state, size=150)
    assert (picture.shape, picture.dtype) == ((150, 150, 3), np.uint8)
    tiles = picture.reshape(15, 10, 15, 10, 3).swapaxes(1, 2)[::-1]
    kinds = {code: np.unique(tiles[world == code], axis=0) for code in (WALL, CHEESE)}
    assert len(kinds[WALL]) == len(kinds[CHEESE]) == 1
    assert (kinds[WALL] != kinds[CHEESE]).any()
    # Among the free cells only the mouse's looks different.
    assert sorted(np.unique(tiles[world == FREE], axis=0, return_counts=True)[1]) == [1, 6]


def test_a_picture_of_the_mouse_is_mirrored_where_it_faces_right():
    left = MazeState.from_grid(np.full((15, 15), FREE), mouse=(7, 7))
    right = left.copy()
    right.is_reflected = True
    mouse = np.s_[10 * 7 : 10 * 8, 10 * 7 : 10 * 8]
    assert (render(left, 150)[mouse] != render(right, 150)[mouse]).any()


def test_a_picture_too_small_for_its_cells_is_refused():
    with pytest.raises(ConfigError, match="size = 10: a world of 15 cells"):
        render(MazeState.from_drawing("M..\n.#.\n..C"), size=10)


def test_the_picture_shows_the_mouse_where_it_stands():
    state = MazeState.from_grid(np.full((15, 15), FREE), mouse=(3, 12))
    elsewhere = state.copy()
    elsewhere.set_mouse(0, 0)
    rows, cols = np.nonzero((render(state) != render(elsewhere)).any(axis=-1))
    unit = 512 / 15
    near = (np.abs(512 - 3.5 * unit - rows) < unit) & (np.abs(12.5 * unit - cols) < unit)
    far = (np.abs(512 - 0.5 * unit - rows) < unit) & (np.abs(0.5 * unit - cols) < unit)
    assert near.any()
    assert (near | far).all()
