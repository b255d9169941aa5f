"""The native engine plays, reports, saves and draws mazes as procgen does.

`recorded/procgen_play.npz` holds what procgen 0.10.7 did: games under recorded actions, and
pictures in the flat look.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from chisel.analysis.evaluation import evaluate
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import CHEESE, WALL, Boards, make_maze, parity
from chisel.envs.maze.native import draw_levels
from chisel.envs.maze.native.engine import NativeMaze
from chisel.envs.maze.native.flat import FlatPainter
from chisel.envs.maze.parity import compare_games, compare_levels
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import RESET_ACTION, Look

RECORDED = Path(__file__).parent / "recorded" / "procgen_play.npz"
FLAT = {"use_backgrounds": False, "use_monochrome_assets": True}
LEVELS = LevelsConfig(set_size=60, max_size=9)


@pytest.fixture
def recorded():
    with np.load(RECORDED) as file:
        yield file


@pytest.mark.parametrize("name", ["easy_guided", "hard_guided", "easy_few_levels", "easy_timeouts"])
def test_games_go_as_procgen_played_them(recorded, name):
    def procgens(fact):
        return recorded[f"{name}/{fact}"]

    hard, seed, start, levels = procgens("options").tolist()
    game = NativeMaze(4, Look("hard" if hard else "easy"), seed=seed, start=start, levels=levels)
    assert game.boards.seeds.tolist() == procgens("first_level_seed").tolist()
    ends = 0
    for step, actions in enumerate(procgens("actions")):
        game.step(actions)
        ended = game.first
        for fact, ours in (
            ("rewards", game.rewards),
            ("dones", ended),
            ("complete", game.completed),
        ):
            np.testing.assert_array_equal(ours, procgens(fact)[step], f"{fact} in step {step}")
        game.load(np.flatnonzero(ended))
        np.testing.assert_array_equal(game.boards.seeds, procgens("level_seed")[step])
        np.testing.assert_array_equal(game.boards.mice_in_world, procgens("agent")[step])
        ends += ended.sum()
    assert ends >= 1


@pytest.mark.parametrize("mode", ["easy", "hard", "memory"])
def test_flat_pictures_are_pixel_for_pixel_procgens(recorded, mode):
    worlds, mice = recorded[f"{mode}/grid"], recorded[f"{mode}/agent"].astype(np.int64)
    sizes = np.full(len(mice), worlds.shape[1])
    boards = Boards(worlds, sizes, mice, np.zeros(len(mice), np.int64))
    drawn, every = np.empty((len(mice), 64, 64, 3), np.uint8), np.arange(len(mice))
    painter = FlatPainter(worlds.shape[1], centred=mode == "memory")
    painter.draw(every, worlds, boards.mice_in_world, np.zeros_like(every), drawn)
    painter.draw_mice(boards.mice_in_world, np.zeros_like(every), drawn)
    np.testing.assert_array_equal(drawn, recorded[f"{mode}/pixels"])


class TestBesideProcgen:
    @pytest.mark.parametrize("mode", ["easy", "hard", "memory"])
    def test_states_are_byte_for_byte_and_flat_pixels_the_same_after_any_steps(self, mode):
        generator = np.random.default_rng()
        seed, look = int(generator.integers(2**31)), Look(mode, **FLAT)
        ours, theirs = NativeMaze(3, look, seed=seed), ProcgenMaze(3, look, seed=seed)
        with contextlib.closing(theirs):
            for step in range(200):
                forced = step % 37 == 36
                actions = np.full(3, RESET_ACTION) if forced else generator.integers(0, 15, 3)
                ours.step(actions)
                theirs.step(actions)
                ours.load(np.flatnonzero(ours.first))
                np.testing.assert_array_equal(ours.pixels, theirs.pixels, f"seed {seed}")
                if forced or step % 10 == 0:
                    states = [[game.read(row) for row in range(3)] for game in (ours, theirs)]
                    assert states[0] == states[1], f"seed {seed}, step {step}"

    @pytest.mark.parametrize(
        "config",
        [
            MazeConfig(observation="symbolic"),
            MazeConfig(observation="float", cheese="region", region=3, mode="hard"),
            MazeConfig(observation="symbolic", levels=LevelsConfig(start=7, num=20)),
            MazeConfig(observation="symbolic", levels=LEVELS, cheese="region"),
            MazeConfig(observation="symbolic", levels=LEVELS, goals="cheese-and-corner"),
            MazeConfig(**FLAT, levels=LEVELS, goals="cheese-and-corner", cheese="region"),
            MazeConfig(**FLAT, mode="memory"),
            MazeConfig(levels=LEVELS, cheese="region"),
            MazeConfig(mode="hard"),
        ],
        ids=[
            "stream",
            "region",
            "range",
            "set",
            "two-goals",
            "flat",
            "flat-memory",
            "set-textured",
            "textured",
        ],
    )
    def test_either_engine_goes_on_with_the_state_of_the_other(self, config):
        engines = [
            make_maze(dataclasses.replace(config, num_envs=4, timeout=40, engine=engine), seed=3)
            for engine in ("native", "procgen")
        ]
        actions = np.random.default_rng(5).integers(0, 15, (240, 4))
        first = [[env.reset()[0].tolist(), *trace(env, actions[:80])] for env in engines]
        assert first[0] == first[1]
        states = [env.get_state() for env in engines]
        whole = [trace(env, actions[80:]) for env in engines]
        assert whole[0] == whole[1]
        assert sum(step[2].count(True) for step in whole[0]) >= 12
        for env, state in zip(engines, reversed(states), strict=True):
            env.set_state(state)
            assert trace(env, actions[80:]) == whole[0]

    @pytest.mark.slow
    @pytest.mark.parametrize("agent", ["maze-quick", "maze-pixels-small", "maze-easy"])
    def test_shipped_agents_play_the_same_episodes_under_either_engine(self, agent, tmp_path):
        for engine in ("native", "procgen"):
            few = [f"env.engine={engine}", "env.timeout=60", "eval.levels=12", "eval.num_envs=4"]
            evaluate(f"agents/{agent}/seed-0", overrides=few, out=tmp_path / engine)
        ours, theirs = (
            (tmp_path / engine / "eval.csv").read_text() for engine in ("native", "procgen")
        )
        assert ours == theirs
        assert len(ours.splitlines()) > 12


def trace(env, actions):
    steps = []
    for row in actions:
        observations, rewards, terminated, _, infos = env.step(row)
        facts = {name: fact.tolist() for name, fact in infos.get("episode", {}).items()}
        steps.append((observations.tobytes(), rewards.tolist(), terminated.tolist(), facts))
    return steps


class TestParity:
    def test_no_difference_is_found(self):
        assert compare_levels(100, 140, "hard").different == 0
        assert {one.different for one in compare_games("easy", 2, 30, 0).values()} == {0}

    def test_one_wrong_cell_is_found_in_its_level(self, monkeypatch):
        def one_wall_more(seeds, side):
            worlds, *rest = draw_levels(seeds, side)
            worlds[3][worlds[3] == CHEESE] = WALL
            return worlds, *rest

        monkeypatch.setattr(parity, "draw_levels", one_wall_more)
        found = compare_levels(100, 140, "easy")
        assert (found.compared, found.different, found.first) == (40, 1, "seed 103")

    def test_a_mouse_that_stands_still_is_found(self, monkeypatch):
        monkeypatch.setattr(NativeMaze, "step", lambda *_: None)
        assert all(one.different for one in compare_games("easy", 2, 30, 0).values())
