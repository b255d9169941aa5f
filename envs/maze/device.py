"""Play, describe and draw mazes as tensors on the network's device.

A step is a fixed sequence of tensor operations that never wait for the device, so that it can be
compiled or captured. Levels and cheese are drawn from a counter, which gives the same words on
every device and for any number of games.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from chisel.envs.base import Plain
from chisel.envs.declarations import as_array, require
from chisel.envs.maze.goals import (
    NOTHING,
    REACHED_CHEESE,
    REACHED_CORNER,
    REWARD,
    RegionCheese,
    require_kind,
)
from chisel.envs.maze.levels import LevelSet
from chisel.envs.maze.native.flat import MOUSE, PIXELS, color_of
from chisel.envs.maze.rules import (
    CHEESE,
    MOVE_DELTAS,
    MOVE_OF_ACTION,
    NUM_ACTIONS,
    WALL,
)
from chisel.envs.maze.tables import SLOTS, flat_tables, level_tables
from chisel.envs.maze.views import CHEESE_PLANE, MOUSE_PLANE, WALL_PLANE
from chisel.envs.vector import SameStepVectorEnv, Seed, whole_seed

STATE_FORMAT = "device-1"
Observation = Literal["pixels", "symbolic", "float"]

_STATE = ("level", "at", "cheese", "time", "episode")
_HALF = 2**32 - 1


def _signed(word: int) -> int:
    """Return the int64 with the bits of an unsigned integer."""
    return word - 2**64


_STRIDE = _signed(0x9E3779B97F4A7C15)
_FACTORS = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def mixed(words: Tensor) -> Tensor:
    """Mix the bits of int64 words by the finisher of splitmix64 (Steele et al. 2014, fig. 17)."""
    words = (words ^ _shifted(words, 30)).mul(_FACTORS[0])
    words = (words ^ _shifted(words, 27)).mul(_FACTORS[1])
    return words ^ _shifted(words, 31)


def _shifted(words: Tensor, bits: int) -> Tensor:
    """Shift to the right, with zeros from the left."""
    return words.bitwise_right_shift(bits).bitwise_and(2 ** (64 - bits) - 1)


class DeviceMaze(SameStepVectorEnv):
    """Mazes of a level set; see `envs.DeviceVectorEnv` for the contract.

    The episodes, facts and observations are those of `MazeVectorEnv` with the native engine on the
    same levels and cheese. Only the draws differ: episode e of game n has the word
    `mixed(key(seed, n) + (e + 1) * stride)`. Its lower half chooses the level, its upper half the
    cheese.

    Args:
        make_set: Makes the level set of a seed; called again for a saved state of another seed.
        cheese: Moves the cheese; None leaves it where the level set has it.
        num_envs: Number of games, N.
        seed: Seed of the level set and of the draws.
        observation: The view; pixels are those of the flat look.
        side: Side of the view in cells; with pixels, the side of the world.
        timeout: Steps after which episodes end.
        region: Side of the top-right region of the fact `in_region`.
        corner_ends: Whether the top-right corner ends episodes with a reward too.
    """

    def __init__(
        self,
        make_set: Callable[[int], LevelSet],
        cheese: RegionCheese | None,
        *,
        num_envs: int,
        seed: int,
        observation: Observation,
        side: int,
        timeout: int,
        region: int,
        corner_ends: bool,
    ) -> None:
        shape, high = (
            ((PIXELS, PIXELS, 3), 255) if observation == "pixels" else ((side, side, 3), 1)
        )
        dtype = np.float32 if observation == "float" else np.uint8
        super().__init__(num_envs, spaces.Box(0, high, shape, dtype), NUM_ACTIONS)
        self.device = torch.device("cpu")
        self._make_set, self._cheese = make_set, cheese
        self._observation, self._side = observation, side
        self._timeout, self._region, self._corner_ends = timeout, region, corner_ends
        self._state = {name: torch.zeros(num_envs, dtype=torch.int64) for name in _STATE}
        self._play = _play
        self._take(seed, make_set(seed))
        self._reseed(seed)

    def _take(self, seed: int, levels: LevelSet) -> None:
        """Play the levels of this seed from now on."""
        self._set_seed, self._digest = seed, levels.digest
        tables = vars(level_tables(levels, self._side, self._cheese))
        bank = {name: torch.from_numpy(table) for name, table in tables.items()}
        bank["sizes"] = torch.from_numpy(levels.sizes)
        bank["seeds"] = torch.from_numpy(levels.seeds.astype(np.int64))
        walls = bank.pop("walls")
        if self._observation == "pixels":
            for name, table in zip(
                ("slots", "cells_slots", "mice"), flat_tables(levels), strict=True
            ):
                bank[name] = torch.from_numpy(table)
            colors = [(0, 0, 0), *map(color_of, (WALL, CHEESE, MOUSE))]
            bank["colors"] = torch.tensor(colors, dtype=torch.uint8)
        else:
            dtype = torch.float32 if self._observation == "float" else torch.uint8
            bank["planes"] = torch.zeros(*walls.shape, 3, dtype=dtype)
            bank["planes"][:, :, WALL_PLANE] = walls
        moves = torch.tensor(MOVE_DELTAS)
        bank["deltas"] = moves[:, 1] - self._side * moves[:, 0]
        bank["move_of_action"] = torch.tensor(MOVE_OF_ACTION)
        self._bank = {name: table.to(self.device) for name, table in bank.items()}

    def _reseed(self, seed: int | list[int]) -> None:
        word = np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.int64)
        self._key = int(word[0])
        self._set_keys()
        self._state["episode"].zero_()
        self._fresh = True

    def _set_keys(self) -> None:
        numbers = torch.arange(self.num_envs, device=self.device) + 1
        self._keys = mixed(numbers * _STRIDE + self._key)

    def to(self, device: torch.device) -> None:
        """Move levels and games to a device."""
        self.device = device
        self._bank = {name: table.to(device) for name, table in self._bank.items()}
        self._state = {name: column.to(device) for name, column in self._state.items()}
        self._keys = self._keys.to(device)

    def compile(self) -> None:
        """Compile the step with `torch.compile`; its numbers are whole, so no result changes."""
        self._play = torch.compile(_play, fullgraph=True)

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start new episodes everywhere; see `MazeVectorEnv.reset`."""
        self._refuse_options(options)
        state = self._state
        if seed is not None:
            self._reseed(whole_seed(seed))
        elif not self._fresh:
            state["episode"] += 1
        self._fresh, self._running = False, True
        level, cheese = _draw(self._bank, self._keys, state["episode"])
        state["level"].copy_(level)
        state["cheese"].copy_(cheese)
        state["at"].copy_(self._bank["starts"][state["level"]])
        state["time"].zero_()
        return self.observe(), {}

    def advance(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Act in every maze without waiting for the device; see `envs.DeviceVectorEnv.advance`."""
        rewards, ended, marks = self._play(
            self._bank, self._keys, self._state, actions, self._timeout, self._corner_ends
        )
        return self.observe(), rewards, ended, marks

    def facts(self, marks: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the facts of episodes that have ended, `[E, ...]`; see `MazeVectorEnv`.

        Args:
            marks: The marks of these episodes that `advance` returned, each int64 `[E]`.
        """
        bank, level, cheese = self._bank, marks["level"], marks["cheese"]
        known, size = cheese >= 0, bank["sizes"][marks["level"]]
        ring = (self._side - size) // 2
        place = torch.stack(
            [ring + size - 1 - cheese // self._side, cheese % self._side - ring], dim=-1
        )
        place = torch.where(known[:, None], place, -1)
        first = size - size.clamp(max=max(self._region, 1))
        cheese_path = torch.where(known, bank["steps"][level, cheese].long(), -1)
        corner_path = bank["steps"][level, bank["corners"][level]].long()
        shortest = cheese_path
        if self._corner_ends:
            nearer = (corner_path >= 0) & ((shortest < 0) | (corner_path < shortest))
            shortest = torch.where(nearer, corner_path, shortest)
        success = marks["outcome"] != NOTHING
        return {
            "r": success.float() * REWARD,
            "l": marks["time"],
            "level_seed": bank["seeds"][level],
            "size": size,
            "cheese": place,
            "in_region": place.amin(dim=-1) >= first,
            "cheese_path": cheese_path,
            "corner_path": corner_path,
            "shortest_path": shortest,
            "decision": known & bank["decides"][level, cheese],
            "level_index": level,
            "outcome": marks["outcome"],
            "success": success,
        }

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Act in every maze, check the actions, and report the facts of ended episodes at once.

        Args:
            actions: int `[N]` in 0…14.

        Raises:
            EnvironmentFault: If the actions have a wrong shape, type or value, or `reset` was not
                called yet.
        """
        checked = self._checked_actions(as_array(actions))
        taken = torch.from_numpy(checked.astype(np.int64)).to(self.device)
        obs, rewards, ended, marks = self.advance(taken)
        infos: dict[str, Any] = {}
        if bool(ended.any()):
            infos = {"episode": self.facts(marks), "_episode": ended}
        return obs, rewards, ended, torch.zeros_like(ended), infos

    def observe(self) -> Any:
        """Return the current observations `[N, H, W, C]`, without stepping."""
        self._require_running()
        state = self._state
        draw = _draw_pixels if self._observation == "pixels" else _draw_planes
        obs = draw(self._bank, state["level"], state["at"], state["cheese"])
        return obs.view(self.num_envs, *self.single_observation_space.shape)  # type: ignore[misc]

    def get_state(self) -> dict[str, Plain]:
        """Return everything needed to continue; see `envs.StatefulVectorEnv`."""
        self._require_running()
        return {
            "format": STATE_FORMAT,
            "corner_ends": self._corner_ends,
            "set_seed": self._set_seed,
            "set_digest": self._digest,
            "key": self._key,
            "games": {name: column.tolist() for name, column in self._state.items()},
        }

    def set_state(self, state: dict[str, Plain]) -> None:
        """Continue exactly where `get_state` was called, also in a fresh environment.

        Raises:
            EnvironmentFault: If the state is of another engine, another number of mazes, or other
                levels. The environment has not changed then.
        """
        require_kind(state, STATE_FORMAT, corner_ends=self._corner_ends)
        games: Any = state["games"]
        self._require_copies(len(games["at"]))
        seed: Any = state["set_seed"]
        levels = None if seed == self._set_seed else self._make_set(seed)
        require(
            state["set_digest"] == (self._digest if levels is None else levels.digest),
            "the saved state plays another level set: use the env.levels settings (and "
            "version of Chisel) that it was saved with",
        )
        if levels is not None:
            self._take(seed, levels)
        key: Any = state["key"]
        self._key = key
        self._set_keys()
        for name, column in self._state.items():
            column.copy_(torch.tensor(games[name]))
        self._running, self._fresh = True, False


Bank = dict[str, Tensor]


def _draw(bank: Bank, keys: Tensor, episodes: Tensor) -> tuple[Tensor, Tensor]:
    """Draw level and cheese of episodes, both int64 `[N]`; the cheese is -1 if there is none."""
    words = mixed(keys + (episodes + 1) * _STRIDE)
    level = ((words & _HALF) * len(bank["starts"])) >> 32
    choice = (_shifted(words, 32) * bank["counts"][level]) >> 32
    return level, bank["cells"][level, choice].long()


def _play(
    bank: Bank,
    keys: Tensor,
    state: dict[str, Tensor],
    actions: Tensor,
    timeout: int,
    corner_ends: bool,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Play one step of every game; the state is changed in place, as captured graphs need it.

    Returns:
        Rewards float32 `[N]`, which episodes ended, bool `[N]`, and the marks of `advance`.
    """
    move = bank["move_of_action"][actions]
    is_open = (bank["moves"][state["level"], state["at"]] >> move) & 1
    at, time = state["at"] + bank["deltas"][move] * is_open, state["time"] + 1
    outcome = torch.where(at == state["cheese"], REACHED_CHEESE, NOTHING)
    if corner_ends:
        outcome = torch.where(at == bank["corners"][state["level"]], REACHED_CORNER, outcome)
    solved = outcome != NOTHING
    ended = solved | (time >= timeout)
    marks = {
        "outcome": outcome,
        "time": time,
        "level": state["level"].clone(),
        "cheese": state["cheese"].clone(),
    }
    state["episode"] += ended
    level, cheese = _draw(bank, keys, state["episode"])
    state["level"].copy_(torch.where(ended, level, state["level"]))
    state["cheese"].copy_(torch.where(ended, cheese, state["cheese"]))
    state["at"].copy_(torch.where(ended, bank["starts"][level], at))
    state["time"].copy_(torch.where(ended, 0, time))
    return solved.float() * REWARD, ended, marks


def _draw_planes(bank: Bank, level: Tensor, at: Tensor, cheese: Tensor) -> Tensor:
    """Draw the symbolic view `[N, S * S * 3]`."""
    planes = bank["planes"][level].flatten(1)
    planes.scatter_(1, (3 * at + MOUSE_PLANE)[:, None], 1)
    lies = (cheese >= 0).to(planes.dtype)[:, None]
    return planes.scatter_(1, (3 * cheese.clamp(min=0) + CHEESE_PLANE)[:, None], lies)


def _draw_pixels(bank: Bank, level: Tensor, at: Tensor, cheese: Tensor) -> Tensor:
    """Draw the flat look, uint8 `[N, 4096, 3]`."""
    walls = bank["slots"][level]
    kinds = (walls < SLOTS).int()
    kinds = torch.where(bank["cells_slots"][cheese] < walls, 2, kinds)
    kinds = torch.where(bank["mice"][at], 3, kinds)
    return bank["colors"].index_select(0, kinds.flatten())
