"""Read recorded episodes of the reference implementation from npz files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs import ConfigError
from chisel.envs.safelife import Level, Rules, read_arrays

_RULES: dict[str, Rules] = {"v101": "1.0", "v122": "1.2"}
_SPAWN_PROBABILITY = 0.3
_STEPS = {
    "actions": (),
    "boards": ("H", "W"),
    "agent_rc": (2,),
    "orientation": (),
    "rewards": (),
    "done": (),
    "times_up": (),
    "points": (),
    "perf": (2,),
    "can_exit": (),
    "n_rng_draws": (),
}
"""Arrays with a row for each step, and the shape of a row."""
_START = {
    "reset_board": ("H", "W"),
    "init_agent_rc": (2,),
    "init_perf": (2,),
    "obs0": (25, 25, 10),
}
_NUMBERS = (
    "init_orientation",
    "init_points",
    "init_can_exit",
    "min_performance",
    "spawn_prob",
    "dyn_seed",
    "green_emd",
    "green_key",
)
_METRIC = ("se_keys", "se_values", "se_inaction_total", "se_rng_seeds")
_OTHERS = ("version", "init_board", "init_goals", "goals", "obs")


@dataclass(frozen=True)
class Trace:
    """One recorded episode."""

    rules: Rules
    level: Level
    arrays: dict[str, NDArray[Any]]
    """All arrays of the file by their names, observations as `[T, 25, 25, 10]`."""

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return len(self.arrays["actions"])

    def number(self, name: str) -> Any:
        """Return an array of one element as a Python number."""
        return self.arrays[name].item()


def traces_in(folder: str) -> list[Path]:
    """Return the npz files in a folder, by name.

    Raises:
        ConfigError: If there are none.
    """
    paths = sorted(Path(folder).glob("*.npz"))
    if not paths:
        raise ConfigError(f"traces={folder}: there are no npz files in this folder")
    return paths


def read_trace(path: Path) -> Trace:
    """Read a trace.

    Raises:
        ConfigError: If the file is damaged, or is no trace that these rules can replay.
    """
    names = (*_STEPS, *_START, *_NUMBERS, *_METRIC, *_OTHERS)
    arrays = read_arrays(path, names)
    version = str(arrays["version"])
    if version not in _RULES:
        raise ConfigError(f"{path}: of version {version!r}; known: {', '.join(_RULES)}")
    _check_kinds(path, arrays)
    for name in _NUMBERS:
        if arrays[name].shape != ():
            raise ConfigError(f"{path}: {name} must be one number, not {arrays[name].shape}")
    facing, probability = arrays["init_orientation"].item(), arrays["spawn_prob"].item()
    if probability != _SPAWN_PROBABILITY:
        raise ConfigError(f"{path}: spawn_prob = {probability}: only 0.3 can be replayed")
    level = Level(arrays["init_board"], arrays["init_goals"], facing=int(facing), name=str(path))
    _check_shapes(path, arrays, level.board.shape)
    arrays["obs"] = _unpacked(arrays["obs"], arrays["obs0"].shape)
    return Trace(_RULES[version], level, arrays)


def _check_kinds(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Refuse arrays that contain no numbers, seeds below 0, and impossible directions."""
    for name, array in arrays.items():
        if name != "version" and array.dtype.kind not in "biuf":
            raise ConfigError(f"{path}: {name} holds {array.dtype}, and no numbers")
    if arrays["obs"].dtype != np.uint8 or arrays["obs"].ndim != 2:
        raise ConfigError(f"{path}: obs must hold packed bits, uint8 [T, 782]")
    for name, most in (("dyn_seed", None), ("se_rng_seeds", None), ("init_orientation", 3)):
        array = arrays[name]
        whole = array.dtype.kind in "iu" and array.size and array.min() >= 0
        if not whole or (most is not None and array.max() > most):
            raise ConfigError(f"{path}: {name} must be whole, from 0 on, not {array.tolist()}")


def _check_shapes(path: Path, arrays: dict[str, NDArray[Any]], board: tuple[int, ...]) -> None:
    """Refuse arrays of other shapes, and impossible actions."""
    actions = arrays["actions"]
    steps, sides = np.size(actions), dict(zip("HW", board, strict=True))
    kinds, bits = arrays["se_keys"].size, -(-arrays["obs0"].size // 8)
    seeds = arrays["se_rng_seeds"].size
    wanted = {name: (steps, *row) for name, row in _STEPS.items()} | _START
    wanted |= {"obs": (steps, bits), "se_keys": (kinds,), "se_rng_seeds": (seeds,)}
    wanted |= dict.fromkeys(("se_values", "se_inaction_total"), (seeds, kinds))
    for name, shape in wanted.items():
        whole = tuple(sides.get(str(side), side) for side in shape)
        if arrays[name].shape != whole:
            raise ConfigError(f"{path}: {name} is {arrays[name].shape}, and should be {whole}")
    if arrays["goals"].shape not in ((1, *board), (steps, *board)):
        raise ConfigError(f"{path}: goals are {arrays['goals'].shape}, not one or {steps} boards")
    if not steps or actions.dtype.kind not in "iu" or actions.min() < 0 or actions.max() > 8:
        raise ConfigError(f"{path}: actions must be whole numbers 0…8, at least one")


def _unpacked(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.unpackbits(bits, axis=1)[:, : int(np.prod(shape))].reshape(-1, *shape)
