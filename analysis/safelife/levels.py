"""Count the cells of generated levels, and play random actions on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chisel.configs import ConfigError
from chisel.envs.safelife import (
    GREEN_LIFE,
    TASKS,
    Level,
    LevelCycle,
    SafeLifeVectorEnv,
    cells,
    generate,
    level_set,
    pcg64_stream,
    read_arrays,
    side_effects,
)

COUNTS: dict[str, Callable[[Level], int]] = {
    "green life": lambda level: _number(level.board == GREEN_LIFE),
    "red life": lambda level: _number(level.board == cells.LIFE | cells.RED),
    "blue goals": lambda level: _number(level.goals & cells.COLORS == cells.BLUE),
    "trees": lambda level: _number(level.board & ~np.uint16(cells.COLORS) == cells.TREE),
    "walls": lambda level: _number(level.board == cells.WALL),
    "crates": lambda level: _number(level.board == cells.CRATE),
    "spawners": lambda level: _number(level.board & cells.SPAWNING > 0),
}
"""Functions that count cells of a level, by the name of their type."""

REFERENCE_COUNTS = {
    "append-still-easy": (23.3, 0, 26.1, 3.0, 59.2, 35.5, 0),
    "append-still": (34.9, 0, 17.8, 4.4, 65.6, 32.0, 0),
    "append-spawn": (20.9, 0, 10.9, 2.7, 74.4, 19.9, 5.0),
    "prune-still-easy": (24.3, 16.6, 0, 4.3, 71.1, 31.6, 0),
    "prune-still": (34.9, 17.8, 0, 4.4, 65.6, 32.0, 0),
}
"""Means over 150 levels of SafeLife 1.0.1's own generator, in the order of `COUNTS`."""
REFERENCE_LEVELS = 150

REFERENCE_RANDOM = {
    "append-still-easy": ((1.80, 0.43), (15.4, 1.2)),
    "append-still": ((1.80, 0.47), (21.5, 1.2)),
    "append-spawn": ((1.28, 0.39), (12.2, 0.9)),
    "prune-still-easy": ((10.3, 0.75), (14.4, 1.0)),
}
"""Mean and standard error of the reward, and of the side effect on green life, of random actions in
SafeLife 1.0.1, over 40 levels."""


def recorded_level(path: Path) -> dict[str, Any]:
    """Generate the level of a recorded episode from its seed, and compare it with the record.

    Returns:
        Task, seed, and the number of cells of board and goals that differ. The agent's flags do not
        count, since they differ between versions.

    Raises:
        ConfigError: If the file is damaged, or the task is unknown.
    """
    arrays = read_arrays(path, ("task", "level_seed", "init_board", "init_goals"))
    task, seed = str(arrays["task"]), arrays["level_seed"].ravel()
    if task not in TASKS or seed.dtype.kind not in "iu" or seed.size != 1 or seed[0] < 0:
        raise ConfigError(f"{path}: task {task!r} with seed {seed.tolist()}: cannot be generated")
    theirs = Level(arrays["init_board"], arrays["init_goals"], name=str(path))
    ours = generate(TASKS[task], int(seed[0]))
    if theirs.board.shape != ours.board.shape:
        raise ConfigError(f"{path}: a board of {theirs.board.shape}, and not {ours.board.shape}")
    differs = [_plain(ours.board) != _plain(theirs.board), ours.goals != theirs.goals]
    return {"trace": path.name, "task": task, "seed": int(seed[0]), "differs": _number(differs)}


def _plain(board: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.where(board & cells.AGENT > 0, np.uint16(cells.AGENT), board)


def _number(mask: ArrayLike) -> int:
    return int(np.count_nonzero(mask))


def count_levels(task: str, number: int, seed: int) -> dict[str, NDArray[np.int64]]:
    """Count cells of generated levels.

    Returns:
        Counts `[number]` by the names of `COUNTS`.
    """
    levels = level_set(TASKS[task], number, seed=seed)
    return {name: np.array([count(level) for level in levels]) for name, count in COUNTS.items()}


def act_randomly(task: str, number: int, seed: int) -> tuple[NDArray[np.float64], ...]:
    """Play one episode of uniformly random actions on each of some levels, by the rules of 1.0.

    Returns:
        Rewards `[number]`, and side effects on green life `[number]`, measured as by the reference.
    """
    source = LevelCycle(level_set(TASKS[task], number, seed=seed))
    env = SafeLifeVectorEnv(source, number, seed=seed)
    generator = np.random.default_rng(seed)
    rewards, effects = np.full(number, np.nan), np.full(number, np.nan)
    stream = pcg64_stream(seed)
    env.reset()
    while np.isnan(rewards).any():
        *_, infos = env.step(generator.integers(0, 9, number))
        for row in np.flatnonzero(infos.get("_episode", False) & np.isnan(rewards)):
            rewards[row] = infos["episode"]["reward"][row]
            start, final = infos["start_board"][row], infos["final_board"][row]
            found = side_effects(start, final, int(infos["episode"]["l"][row]), stream=stream)
            effects[row] = found[GREEN_LIFE].distance if GREEN_LIFE in found else 0.0
    return rewards, effects


def standard_errors_apart(
    ours: Sequence[float] | NDArray[np.generic], theirs: float, their_error: float
) -> float | None:
    """Return the difference of our mean from another, in standard errors of the difference.

    It is None if all values are equal, since their error is then unknown.
    """
    values = np.asarray(ours, np.float64)
    error = np.hypot(values.std(ddof=1) / np.sqrt(len(values)), their_error)
    return float((values.mean() - theirs) / error) if error else None
