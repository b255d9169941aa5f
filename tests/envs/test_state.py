"""MazeState reads and writes procgen's bytes: what is edited is what procgen plays and draws."""

import itertools

import numpy as np
import pytest

from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.configs.schema import MazeConfig
from chisel.envs.maze import CHEESE, FREE, WALL, MazeState, observe_states
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import Look
from tests.envs.oracles import actions_to_cheese, random_tree

HAND_DRAWN = """
    ####..C
    ####.##
    .....##
    .###.##
    .###.##
    .####.#
    M##C...
"""


@pytest.fixture
def game():
    made = ProcgenMaze(2, Look(), seed=11)
    yield made
    made.close()


def after_procgen(game: ProcgenMaze, state: MazeState) -> MazeState:
    game.write(0, state.buffer)
    return MazeState(game.read(0))


def play(game: ProcgenMaze, state: MazeState, actions: list[int]) -> list[tuple[float, bool, bool]]:
    game.write(0, state.buffer)
    outcomes = []
    for action in actions:
        game.step(np.array([action, 4]))
        outcomes.append((float(game.rewards[0]), bool(game.first[0]), bool(game.completed[0])))
    return outcomes


def test_unchanged_bytes_are_a_no_op(game):
    before, pixels = game.read(0), game.pixels.copy()
    game.write(0, MazeState(before).buffer)
    assert game.read(0) == before
    np.testing.assert_array_equal(game.pixels, pixels)


def test_a_stock_level_is_read_as_procgen_reports_it(game):
    state = MazeState(game.read(1))
    assert state.level_seed == game.level_seeds[1]
    assert state.world_dim == 15
    assert state.mouse == (0, 0)
    assert len(state.cheese) == 1
    assert (state.timeout, state.cur_time, state.is_reflected) == (500, 0, False)
    assert state.grid.shape == (state.maze_dim, state.maze_dim)
    margin = state.margin
    inner = state.world[margin : 15 - margin, margin : 15 - margin]
    np.testing.assert_array_equal(inner, state.grid)
    outside = state.world.copy()
    outside[margin : 15 - margin, margin : 15 - margin] = WALL
    assert (outside == WALL).all()


def test_every_edit_survives_procgen(game):
    state = MazeState(game.read(0))
    grid = np.where(random_tree(np.random.default_rng(0), 9), FREE, WALL)
    state.set_world(np.pad(grid, (state.world_dim - 9) // 2, constant_values=WALL), 9)
    state.set_cheese([(8, 8), (0, 8)])
    state.set_mouse(4, 4)
    state.timeout, state.cur_time, state.is_reflected = 77, 5, True
    state.level_seed, state.seed_range = 123, (5, 6)
    state.background = (3, 0.25)
    read = after_procgen(game, state)
    assert read == state
    assert (read.maze_dim, read.mouse, read.cheese) == (9, (4, 4), [(0, 8), (8, 8)])
    assert (read.timeout, read.cur_time, read.is_reflected) == (77, 5, True)
    assert (read.level_seed, read.seed_range, read.background) == (123, (5, 6), (3, 0.25))


def test_editing_one_game_leaves_the_others_alone(game):
    other = game.read(1), game.pixels[1].copy()
    state = MazeState(game.read(0))
    state.remove_cheese()
    game.write(0, state.buffer)
    assert game.read(1) == other[0]
    np.testing.assert_array_equal(game.pixels[1], other[1])


@pytest.mark.parametrize("cell", [(0, 0), (0, 14), (14, 0), (14, 14), (6, 10)])
def test_the_cheese_is_drawn_where_it_is_put_and_row_0_is_the_bottom(cell):
    state = MazeState.from_grid(np.full((15, 15), FREE), mouse=(7, 7))
    without = observe_states([state], MazeConfig())[0].astype(int)
    state.move_cheese(*cell)
    changed = np.argwhere((observe_states([state], MazeConfig())[0] != without).any(axis=-1))
    unit = 64 / 15
    centre = 64 - (cell[0] + 0.5) * unit, (cell[1] + 0.5) * unit
    assert len(changed) > 3
    assert np.abs(changed + 0.5 - centre).max() <= unit / 2 + 1


def test_a_mouse_that_faces_the_other_way_changes_few_pixels():
    state = MazeState.from_grid(np.full((15, 15), FREE), mouse=(7, 7))
    turned = state.copy()
    turned.is_reflected = True
    a, b = observe_states([state, turned], MazeConfig())
    assert 0 < (a != b).any(axis=-1).sum() < 10
    assert not state.is_reflected


def test_a_maze_drawn_by_hand_is_walked_to_its_cheese_for_10(game):
    state = MazeState.from_drawing(HAND_DRAWN)
    state.move_cheese(6, 6)
    way = actions_to_cheese(state)
    assert len(way) == 12
    outcomes = play(game, state, way)
    assert outcomes[:-1] == [(0.0, False, False)] * (len(way) - 1)
    assert outcomes[-1] == (10.0, True, True)


def test_the_drawing_is_read_back_and_pads_to_an_odd_square():
    state = MazeState.from_drawing(HAND_DRAWN)
    assert state.draw() == "\n".join(line.strip() for line in HAND_DRAWN.strip().splitlines())
    wide = MazeState.from_drawing("M..C")
    assert wide.maze_dim == 5
    assert wide.draw().splitlines() == ["#####"] * 4 + ["M..C#"]


@pytest.mark.parametrize(("side", "world"), [(3, 15), (15, 15), (17, 25), (25, 25), (31, 31)])
def test_a_maze_gets_the_smallest_world_that_holds_it(side, world):
    state = MazeState.from_grid(np.full((side, side), FREE))
    assert (state.maze_dim, state.world_dim) == (side, world)


def test_random_grids_survive_drawing_and_procgen(game):
    generator = np.random.default_rng(3)
    for side in (3, 5, 9, 13, 15):
        grid = generator.choice([FREE, WALL, CHEESE], (side, side), p=[0.6, 0.35, 0.05])
        grid[0, 0] = FREE
        state = MazeState.from_grid(grid)
        np.testing.assert_array_equal(state.grid, grid)
        np.testing.assert_array_equal(MazeState.from_drawing(state.draw()).grid, grid)
        np.testing.assert_array_equal(after_procgen(game, state).grid, grid)


def test_without_cheese_an_episode_ends_by_timeout_without_success(game):
    state = MazeState.from_drawing("M..")
    state.timeout = 3
    assert play(game, state, [7, 7, 7]) == [(0.0, False, False)] * 2 + [(0.0, True, False)]


def test_an_edited_timeout_outlives_automatic_resets(game):
    state = MazeState(game.read(0))
    state.remove_cheese()
    state.timeout = 3
    outcomes = play(game, state, [4] * 9)
    assert [first for _, first, _ in outcomes] == [False, False, True] * 3


def test_with_several_cheeses_any_of_them_ends_the_episode(game):
    state = MazeState.from_drawing("C.M.C")
    assert play(game, state, [1, 1])[-1] == (10.0, True, True)
    assert play(game, state, [7, 7])[-1] == (10.0, True, True)


def test_waiting_on_a_cheese_collects_it(game):
    state = MazeState.from_drawing("M..")
    state.add_cheese(0, 0)
    assert play(game, state, [4]) == [(10.0, True, True)]


def test_a_mouse_may_stand_in_a_wall_unless_asked_strictly(game):
    state = MazeState.from_drawing("M#.\n...\n...")
    state.set_mouse(2, 1)
    assert after_procgen(game, state).mouse == (2, 1)
    with pytest.raises(ConfigError, match=r"\(2, 1\): that cell is a wall"):
        state.set_mouse(2, 1, strict=True)


def test_editing_the_level_after_an_end_keeps_what_procgen_reports(game):
    state = MazeState.from_drawing("MC.")
    state.level_seed = 4
    game.write(0, state.buffer)
    game.step(np.array([7, 4]))
    reported = game.rewards[0], game.first[0], game.completed[0], game.previous_seeds[0]
    assert reported == (10.0, True, 1, 4)
    fresh = MazeState(game.read(0))
    fresh.remove_cheese()
    game.write(0, fresh.buffer)
    again = game.rewards[0], game.first[0], game.completed[0], game.previous_seeds[0]
    assert again == reported
    game.step(np.array([4, 4]))
    assert (game.rewards[0], game.first[0], game.completed[0]) == (0.0, False, 0)


def test_a_seed_range_of_one_loads_that_level(game):
    state = MazeState(game.read(0))
    state.seed_range = (1234, 1235)
    game.write(0, state.buffer)
    game.restart()
    loaded = MazeState(game.read(0))
    direct_game = ProcgenMaze(1, Look(), seed=0, start=1234, levels=1)
    direct = MazeState(direct_game.read(0))
    assert loaded.level_seed == direct.level_seed == 1234
    np.testing.assert_array_equal(loaded.grid, direct.grid)
    np.testing.assert_array_equal(game.pixels[0], direct_game.pixels[0])


def test_moving_the_cheese_into_a_wall_changes_nothing():
    state = MazeState.from_drawing("M#C\n...\n...")
    before = state.copy()
    with pytest.raises(ConfigError, match="wall"):
        state.move_cheese(2, 1)
    assert state == before


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        ("", "empty"),
        ("M..\n..", "line 2 of the maze has 2 cells, line 1 has 3"),
        ("M.x", "'x'; known are # wall"),
        ("...", "0 mice"),
        ("M.M", "2 mice"),
        ("M" + "." * 40, "does not fit"),
    ],
)
def test_a_drawing_that_is_no_maze_is_explained(drawing, message):
    with pytest.raises(ConfigError, match=message):
        MazeState.from_drawing(drawing)


def test_edits_outside_the_maze_are_explained():
    state = MazeState.from_drawing("M..")
    for edit, arguments in itertools.product(
        (state.set_mouse, state.add_cheese, state.move_cheese), [(3, 0), (0, -1)]
    ):
        with pytest.raises(ConfigError, match="rows and columns are 0…2"):
            edit(*arguments)
    with pytest.raises(ConfigError, match="timeout = 0"):
        state.timeout = 0
    with pytest.raises(ConfigError, match="unknown cell code 7"):
        MazeState.from_grid([[7]])


def test_bytes_that_procgen_would_abort_on_are_refused(game):
    blob = bytes(game.read(0))
    generator = np.random.default_rng(0)
    for length in [0, 3, 100, *generator.integers(0, len(blob), 40).tolist()]:
        with pytest.raises(EnvironmentFault, match="not the state of a procgen maze"):
            MazeState(blob[:length])
    with pytest.raises(EnvironmentFault):
        MazeState(blob + b"more")
    with pytest.raises(EnvironmentFault):
        MazeState(blob.replace(b"maze", b"moze", 1))


def test_a_copy_is_independent(game):
    state = MazeState(game.read(0))
    copy = state.copy()
    copy.set_mouse(2, 2)
    assert state.mouse == (0, 0)
    assert copy != state
