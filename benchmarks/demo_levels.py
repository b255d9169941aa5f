"""`python -m benchmarks.demo_levels`: measure the share of level drawing in `make demo`'s CPU time.

The first frames of the demo's training are profiled, in turns with the native engine and with
procgen, whose library then plays the games and draws the levels of the set. The set is made once
and all other costs grow with the frames, so the share in the whole training can be computed.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from chisel import configs
from chisel.envs.maze import LevelSet, building
from chisel.envs.maze.native.streams import level_streams
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import Look
from chisel.trainers import train

DEMO = "maze/routed-quick"
LEVELS = 20_000
"""Number of levels in the demo's set."""
ENGINES = ("native", "procgen")
PARTS = {
    "drawing": ("building.py:_drawn", "demo_levels.py:drawn"),
    "the set": ("building.py:build_level_set",),
    "laying levels out": ("level_sampling.py:draw",),
}
"""Functions of each part. If a part has several, either one calls the other, or only one is called.
"""


class _Library:
    """Draws the levels of a set by procgen's own games."""

    def streams(self, seed: int, num: int) -> NDArray[Any]:
        """Make the games with the streams of `native.streams.level_streams`."""
        self._seed, self._num = seed, num
        self._games: ProcgenMaze | None = None
        return level_streams(seed, num)

    def drawn(self, look: Look, seeds: NDArray[np.int64]) -> LevelSet:
        """Draw the next levels of all games, which must be those of the native engine."""
        if self._games is None:
            self._games = ProcgenMaze(self._num, look, seed=self._seed)
        games, worlds = self._games, []
        for _ in range(len(seeds) // games.num):
            games.load(np.arange(games.num))
            worlds.append(games.boards.worlds.copy())
            games.restart()
        levels = _NATIVE(look, seeds)
        np.testing.assert_array_equal(np.concatenate(worlds), levels.worlds)
        return levels


_NATIVE = building._drawn


def measure(
    frames: int, rounds: int, levels: int = LEVELS, settings: Sequence[str] = ()
) -> dict[str, Any]:
    """Profile trainings of both engines in turns.

    Args:
        frames: Number of frames of each training.
        rounds: Number of turns of each engine.
        levels: Number of levels of the set.
        settings: Further overrides of the demo's config.

    Returns:
        By engine, the CPU-seconds of each part in each turn, and the median shares of drawing in
        the profile and in the whole demo.
    """
    turns: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
    for number in range(rounds + 1):
        for engine, made in turns.items():
            # In the first round, of few levels, modules are imported and functions compiled.
            sizes = [f"env.levels.set_size={levels if number else 64}", f"frames={frames}"]
            spent = _profiled([*settings, *sizes, f"env.engine={engine}"])
            if number:
                made.append(spent)
                print(engine, {name: round(one, 3) for name, one in spent.items()}, flush=True)
    scale = configs.load(DEMO, list(settings)).frames / frames
    return {
        engine: {
            "turns": made,
            "share of the profile": median(one["drawing"] / one["all"] for one in made),
            "share of the demo": median(
                one["drawing"] / (one["the set"] + scale * (one["all"] - one["the set"]))
                for one in made
            ),
        }
        for engine, made in turns.items()
    }


def _profiled(settings: Sequence[str]) -> dict[str, float]:
    """Train once, and return the CPU-seconds of each part and of the whole."""
    library, profile = _Library(), cProfile.Profile(time.process_time)
    with TemporaryDirectory() as folder:
        config = configs.load(DEMO, [*settings, f"runs_dir={folder}", "trainer.progress=false"])
        before = config.env.engine == "procgen"
        streams, drawn = (library.streams, library.drawn) if before else (level_streams, _NATIVE)
        with (
            mock.patch.object(building, "level_streams", streams),
            mock.patch.object(building, "_drawn", drawn),
        ):
            begin = time.process_time()
            profile.runcall(train, config)
            spent = time.process_time() - begin
    rows: Any = pstats.Stats(profile)
    seconds = {f"{Path(file).name}:{name}": row[3] for (file, _, name), row in rows.stats.items()}
    found = {part: max(seconds.get(name, 0.0) for name in of) for part, of in PARTS.items()}
    return found | {"all": spent}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", default="benchmarks/results/demo_levels.json")
    given = parser.parse_args()
    found = measure(given.frames, given.rounds)
    for engine, one in found.items():
        shares = ", ".join(f"{100 * one[name]:.2f} % ({name})" for name in one if "share" in name)
        print(f"{engine}: drawing levels takes {shares}")
    result = {"machine": machine.stamp(), "frames": given.frames, "engines": found}
    Path(given.out).write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
