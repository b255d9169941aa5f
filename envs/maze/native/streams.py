"""The streams from which procgen draws level seeds, one for each game."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.maze.native.words import SIZE, Stream, seed_words, word
from chisel.envs.maze.rules import MAX_SEED


@compiled
def level_streams(seed: int, games: int) -> Stream:
    """Make the streams of an environment with `rand_seed=seed`, uint32 `[games, 626]`.

    A game's stream depends on its number, and not on the number of games.
    """
    source = np.empty(SIZE, np.uint32)
    seed_words(source, seed)
    streams = np.empty((games, SIZE), np.uint32)
    for game in range(games):
        seed_words(streams[game], int(word(source)))
    return streams


@compiled
def next_seed(stream: Stream, low: int, high: int) -> int:
    """Draw the seed of a game's next level, in [low, high), from its stream uint32 `[626]`."""
    return low + int(word(stream)) % (high - low)


@compiled
def next_seeds(streams: Stream, rounds: int, low: int, high: int) -> NDArray[np.int64]:
    """Draw the seeds of the next levels of all games, round by round, int64 `[rounds * games]`."""
    games = len(streams)
    seeds = np.empty(rounds * games, np.int64)
    for index in range(len(seeds)):
        seeds[index] = next_seed(streams[index % games], low, high)
    return seeds


def seed_limits(start: int, num: int) -> tuple[int, int]:
    """Return the range of level seeds [low, high) of procgen's `start_level` and `num_levels`.

    With `num_levels = 0` procgen ignores `start_level` and takes all seeds.
    """
    return (start, start + num) if num else (0, MAX_SEED)
