"""The native engine draws textured mazes as procgen does, from procgen's image files."""

from __future__ import annotations

import contextlib
import importlib.util

import numpy as np
import pytest
from PIL import Image

from chisel import configs
from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import CHEESE, FREE, WALL, MazeState, make_maze, observe_states
from chisel.envs.maze.native import textures
from chisel.envs.maze.native.engine import NativeMaze
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import RESET_ACTION, Look

MODES = ("easy", "hard", "memory")
LOOKS = ((True, False), (True, True), (False, False))
"""Backgrounds and monochrome."""
RED, WHITE, BLACK, YELLOW = (200, 0, 0, 255), (255, 255, 255, 255), (0, 0, 0, 255), (255, 255, 0, 0)


@pytest.mark.usefixtures("procgen")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("look", LOOKS, ids=["textures", "monochrome", "no-backgrounds"])
def test_frames_are_pixel_for_pixel_procgens_on_all_backgrounds_and_facing_both_ways(mode, look):
    draws = np.random.default_rng()
    seed, games = int(draws.integers(2**31)), 12
    ours = NativeMaze(games, Look(mode, *look), seed=seed)
    theirs = ProcgenMaze(games, Look(mode, *look), seed=seed)
    seen = set()
    with contextlib.closing(theirs):
        for step in range(40):
            forced = step % 5 == 4
            actions = np.full(games, RESET_ACTION) if forced else draws.integers(0, 15, games)
            ours.step(actions)
            theirs.step(actions)
            ours.load(np.flatnonzero(ours.first))
            np.testing.assert_array_equal(ours.pixels, theirs.pixels, f"seed {seed}, step {step}")
            states = [MazeState(ours.read(row)) for row in range(games)]
            seen |= {(state.background[0], state.is_reflected) for state in states}
    assert {background for background, _ in seen} == set(range(9))
    assert {reflected for _, reflected in seen} == {False, True}


@pytest.mark.usefixtures("procgen")
@pytest.mark.parametrize("mode", MODES)
def test_any_state_is_seen_as_procgen_draws_it(mode):
    draws, config = np.random.default_rng(), MazeConfig(mode=mode)
    theirs = ProcgenMaze(1, Look(mode), seed=0)
    side, states, expected = theirs.look.world_dim, [], []
    with contextlib.closing(theirs):
        for number in range(30):
            grid = draws.choice([WALL, FREE, CHEESE], (side, side), p=[0.4, 0.4, 0.2])
            state = MazeState.from_grid(grid, mode=mode, mouse=at(grid, FREE))
            state.set_mouse(*at(grid, (FREE, WALL, CHEESE)[number % 3]))
            state.is_reflected = bool(draws.integers(2))
            state.background = (number % 9, float(draws.random()))
            states.append(state)
            theirs.write(0, state.buffer)
            expected.append(theirs.pixels[0].copy())
    np.testing.assert_array_equal(observe_states(states, config), expected)


def at(grid, code):
    """A cell with this code at the edge of the world."""
    row, col = np.argwhere(grid == code)[-1].tolist()
    return row, col


@pytest.fixture
def painted(tmp_path):
    """A folder of images of our own: floors in nine grays, red walls, a mouse black at its left."""
    for name in textures.FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        number = textures.FILES.index(name)
        gray = 20 * (number - 3)
        Image.new("RGBA", (100, 100), (gray, gray, gray, 7)).save(tmp_path / name)
    wall, cheese, mouse = (tmp_path / name for name in textures.FILES[:3])
    Image.new("RGBA", (128, 128), RED).save(wall)
    Image.new("RGBA", (27, 27), (255, 255, 0, 128)).save(cheese)
    image = Image.new("RGBA", (128, 128), WHITE)
    image.paste(BLACK, (0, 0, 64, 128))
    image.save(mouse)
    return tmp_path


@pytest.mark.parametrize("mode", MODES)
def test_floor_walls_cheese_and_mouse_lie_where_they_belong(painted, mode):
    config = MazeConfig(mode=mode, engine="native", assets=str(painted))
    state = MazeState.from_grid(
        [[FREE, CHEESE, WALL], [FREE, FREE, FREE], [WALL] * 3], mode=mode, mouse=(1, 1)
    )
    state.background = (5, 0.3)
    mirrored = state.copy()
    mirrored.is_reflected = True
    left, right = observe_states([state, mirrored], config)
    unit = 64 / (8 if mode == "memory" else state.world_dim)

    def shown(row, col, picture=left):
        """Colors at the left and right of a cell; the mouse is in the middle of the picture."""
        y = int(32 - (row - 1) * unit)
        return [picture[y, int(32 + (col - 1 + side) * unit)].tolist() for side in (-0.25, 0.25)]

    assert shown(1, 0) == shown(1, 2) == shown(0, 0) == [[100] * 3] * 2
    assert shown(2, 1) == [[200, 0, 0]] * 2
    assert shown(0, 1) == [[178, 178, 50]] * 2  # half of yellow, and half of the floor
    assert shown(1, 1) == [[0] * 3, [255] * 3] == shown(1, 1, right)[::-1]


def test_what_is_drawn_step_by_step_is_what_is_drawn_at_once(painted):
    config = MazeConfig(
        assets=str(painted), num_envs=5, levels=LevelsConfig(set_size=30, max_size=7)
    )
    env = make_maze(config, seed=1)
    observations, _ = env.reset()
    draws = np.random.default_rng(0)
    for _ in range(60):
        np.testing.assert_array_equal(observe_states(env.maze_states(), config), observations)
        observations = env.step(draws.integers(0, 15, 5))[0]


@pytest.fixture
def no_procgen(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "procgen" else find_spec(name)
    )


@pytest.mark.usefixtures("no_procgen")
def test_without_image_files_one_line_says_what_to_install_or_set():
    wanted = (
        r"pip install .*\[procgen\].*, or set env\.assets=FOLDER to a copy of the folder data/as"
    )
    with pytest.raises(ConfigError, match=wanted):
        make_maze(MazeConfig(engine="native"), seed=0)
    with pytest.raises(ConfigError, match=wanted):
        observe_states([MazeState.from_drawing("M.C")], MazeConfig())
    make_maze(MazeConfig(engine="native", observation="symbolic"), seed=0)


def test_a_folder_without_the_files_is_refused_before_anything_runs(painted, tmp_path):
    with pytest.raises(
        ConfigError, match=r"nowhere/kenney/.*png is no image file: set env\.assets"
    ):
        make_maze(MazeConfig(assets=str(tmp_path / "nowhere")), seed=0)
    (painted / textures.FILES[1]).write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"cheese\.png is no image file"):
        make_maze(MazeConfig(assets=str(painted)), seed=0)


def test_an_image_that_cannot_be_procgens_is_refused(painted):
    Image.new("RGB", (30, 20)).save(painted / textures.FILES[4])
    with pytest.raises(ConfigError, match=r"detailed1\.png is not procgen's: it has 30×20 pixels"):
        make_maze(MazeConfig(assets=str(painted)), seed=0)


def test_a_background_that_does_not_exist_is_refused(painted):
    state = MazeState.from_drawing("M.C")
    state.background = (9, 0.0)
    with pytest.raises(EnvironmentFault, match="a background other than 0…8"):
        observe_states([state], MazeConfig(assets=str(painted)))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["env.assets=there", "env.observation=symbolic"],
            r"no effect with env\.observation = symbolic",
        ),
        (
            ["env.assets=there", "env.engine=procgen"],
            r"no effect with env\.engine=procgen; leave it out",
        ),
        (
            ["env.assets=x", "env.use_backgrounds=false", "env.use_monochrome_assets=true"],
            "no effect with the flat look; leave it out",
        ),
        (["env.assets=' '"], r"env\.assets is empty"),
    ],
    ids=["symbolic", "procgen", "flat", "empty"],
)
def test_a_folder_of_images_that_does_nothing_is_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        configs.load("maze/easy", overrides)
