"""Compute and keep everything that the page shows of one agent in one maze."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import Executor, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.interventions import Patches, Stages, as_site, record
from chisel.analysis.maze import (
    EditList,
    MazePolicy,
    VectorField,
    mouse_at,
    move_probabilities,
)
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState, observe_states, paths, split_of
from chisel.lab.agents import Offered
from chisel.lab.session import Board, marks
from chisel.models import to_tensor

Facing = Literal["left", "right"]
SIDES: tuple[Facing, Facing] = ("left", "right")
ALIKE = 8
"""Number of squares from which on they are computed as images that differ only in small boxes."""
LARGEST_KEPT = 64 << 20
"""Largest number of bytes of activations that are kept for one maze. If there are more, the whole
network runs for each edit."""


class Rows:
    """Rows of a tensor, each computed once, when it is first asked for."""

    def __init__(self, count: int, compute: Callable[[NDArray[np.int64]], Tensor]) -> None:
        self._known = np.zeros(count, np.bool_)
        self._compute = compute
        self._rows: Tensor | None = None
        self._order = torch.contiguous_format

    def missing(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers among `wanted` of the rows that are not known."""
        return wanted[~self._known[wanted]]

    def take(self, wanted: NDArray[np.int64]) -> Tensor:
        """Return some rows, by their numbers."""
        missing = self.missing(wanted)
        if len(missing):
            new = self._compute(missing)
            self.put(missing, new)
            if len(missing) == len(wanted):
                return new
        assert self._rows is not None
        return self._rows[torch.from_numpy(wanted)].contiguous(memory_format=self._order)

    def put(self, numbers: NDArray[np.int64], new: Tensor) -> None:
        """Keep rows that were computed elsewhere."""
        if self._rows is None:
            self._order = _memory_order(new)
            shape = (len(self._known), *new.shape[1:])
            self._rows = torch.empty(shape, dtype=new.dtype, memory_format=self._order)
        self._rows[torch.from_numpy(numbers)] = new
        self._known[numbers] = True


class Squares:
    """An agent with its mouse on each free square of a maze, facing one side.

    Args:
        offered: The agent.
        state: The maze.
        facing: Side that the mouse faces.
    """

    def __init__(self, offered: Offered, state: MazeState, facing: Facing) -> None:
        self.state, self.facing, self._offered = state, facing, offered
        self.cells = paths.free_cells(state.open)
        count = len(self.cells)
        self.numbers = math.prod(offered.agent.spaces.obs_shape)
        """Size of an observation, with which the time of a forward pass grows."""
        self._stages, self._unedited = Stages(offered.agent.model), Stages(offered.unedited)
        self._obs = Rows(count, self._observe)
        self._plain = Rows(count, self._original)
        self._entering: dict[int, Rows] = {}
        self._edited: tuple[EditList, int, Rows] | None = None

    def outputs(self, rows: NDArray[np.int64], edits: EditList | None) -> Tensor:
        """Return logits and, in the last column, values at some squares, `[k, A + 1]`."""
        return self._outputs(edits, rows[:1]).take(rows)

    def both(
        self, rows: NDArray[np.int64], edits: EditList, pool: Executor
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs without and with edits, each computed by a thread of the pool."""
        edited = self._outputs(edits, rows[:1])
        self._enter(rows, pool)
        tasks = [pool.submit(one.take, rows) for one in (self._plain, edited)]
        wait(tasks)
        original, changed = (task.result() for task in tasks)
        return original, changed

    def _enter(self, rows: NDArray[np.int64], pool: Executor) -> None:
        """Compute the activations that both threads will read; each thread computes one half."""
        _ = self._reach  # found here, not by both threads at once
        stage = 0 if self._edited is None else self._edited[1]
        if stage and len(missing := self._kept(stage).missing(rows)):
            halves = np.array_split(missing, 2)
            found = pool.map(functools.partial(self._before, stage), halves)
            self._kept(stage).put(missing, torch.cat(list(found)))

    def field(self, outputs: Tensor) -> VectorField:
        """Return the outputs at all squares as a vector field."""
        return VectorField(
            cells=np.array(self.cells, np.int64).reshape(-1, 2),
            moves=move_probabilities(outputs[:, :-1]),
            values=outputs[:, -1].double().numpy(),
            state=self.state,
            orientation=self.facing,
        )

    def layer(self, row: int, site: str, edits: EditList | None) -> Tensor:
        """Return the output of a module for one example, with the mouse on one square.

        The network's outputs at this square are then known too.
        """
        rows = np.array([row])
        known, edited = self._outputs(edits, rows), () if edits is None else edits.sites
        stage = self._at_hand(rows)
        if stage > self._stages.of([as_site(site), *edited]):
            stage = 0
        with nullcontext() if edits is None else edits():
            run = functools.partial(self._run, rows, stage, nullcontext())
            found = record(self._offered.agent.model, [site], lambda: known.put(rows, run()))
        return found[site][0].float()

    def _outputs(self, edits: EditList | None, row: NDArray[np.int64]) -> Rows:
        if edits is None:
            return self._plain
        if self._edited is None or self._edited[0] is not edits:
            stage = self._stage(edits, row)
            computed = Rows(len(self.cells), lambda some: self._run(some, stage, edits()))
            self._edited = edits, stage, computed
        return self._edited[2]

    def _run(
        self, rows: NDArray[np.int64], stage: int, context: AbstractContextManager[None]
    ) -> Tensor:
        entering = self._entered(stage, rows)
        with context:
            return _joined(self._stages.after(stage, entering, self._obs.take(rows)))

    def _original(self, rows: NDArray[np.int64]) -> Tensor:
        """Compute outputs without edits, by the same steps whatever is kept.

        So the last bits of the numbers do not depend on earlier requests.
        """
        stage = self._at_hand(rows)
        if len(rows) >= ALIKE and stage < self._reach:
            stage = len(self._unedited.layers)
            entering = self._before(stage, rows)
        else:
            entering = self._entered(stage, rows)
        return _joined(self._unedited.after(stage, entering, self._obs.take(rows)))

    def _entered(self, stage: int, rows: NDArray[np.int64]) -> Tensor:
        return self._obs.take(rows) if stage == 0 else self._kept(stage).take(rows)

    def _at_hand(self, rows: NDArray[np.int64]) -> int:
        """Return the latest stage whose kept inputs suffice to run the network without edits."""
        return next(
            (stage for stage, kept in self._entering.items() if not len(kept.missing(rows))), 0
        )

    def _stage(self, edits: EditList, row: NDArray[np.int64]) -> int:
        """Return the stage from which an edited network must run; 0 if its inputs are too large."""
        stage = self._stages.of(edits.sites)
        if stage == 0:
            return 0
        example = self._kept(stage).take(row)
        bytes_of_all = len(self.cells) * example.numel() * example.element_size()
        return stage if bytes_of_all <= LARGEST_KEPT else 0

    def _kept(self, stage: int) -> Rows:
        if stage not in self._entering:
            # Only one stage is kept, since somebody who goes on to another layer seldom comes back.
            self._entering = {stage: Rows(len(self.cells), functools.partial(self._before, stage))}
        return self._entering[stage]

    def _before(self, stage: int, rows: NDArray[np.int64]) -> Tensor:
        if len(rows) < ALIKE:
            return self._unedited.before(stage, self._obs.take(rows))
        return self._unedited.before_patches(stage, self._patches.take(torch.from_numpy(rows)))

    @functools.cached_property
    def _patches(self) -> Patches:
        return Patches.of(self._obs.take(np.arange(len(self.cells))))

    @functools.cached_property
    def _reach(self) -> int:
        return self._unedited.reach(self._patches)

    def _observe(self, rows: NDArray[np.int64]) -> Tensor:
        maze = self._offered.maze
        assert maze is not None
        placed = mouse_at(self.state, [self.cells[row] for row in rows.tolist()], self.facing)
        return to_tensor(observe_states(placed, maze))


class Studied:
    """An agent in a maze, with its mouse facing either side.

    Args:
        offered: An agent that plays mazes.
        board: The maze.

    Raises:
        ConfigError: If the maze does not fit the agent's view.
    """

    def __init__(self, offered: Offered, board: Board) -> None:
        maze = offered.maze
        assert maze is not None
        self._maze, self._offered = maze, offered
        self.state = board.state(maze.mode)
        if maze.observation != "pixels" and self.state.maze_dim > offered.largest:
            side = self.state.maze_dim
            raise ConfigError(
                f"{offered.name} sees mazes up to {offered.largest}×{offered.largest}, not "
                f"{side}×{side}"
            )
        self._sides: dict[Facing, Squares] = {}
        self._plain: dict[str, Any] | None = None

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """Return the facts about the maze that the page needs, in plain values."""
        maze, state = self._maze, self.state
        tree = paths.path_tree(state.open, state.mouse)
        sizes = (maze.levels.min_size, self._offered.largest)
        return {
            "board": Board.of(state),
            "cells": paths.free_cells(state.open),
            "ring": (state.world_dim - state.maze_dim) // 2,
            "split": split_of(state.grid),
            "cheese_path": [int(tree.distance[cell]) for cell in state.cheese],
            "corner_path": int(tree.distance[-1, -1]),
            "marks": marks(state, sizes, maze.region if maze.cheese == "region" else None),
        }

    def side(self, facing: Facing) -> Squares:
        """Return the squares with the mouse facing a side; some agents do not see which."""
        seen: Facing = facing if self._maze.observation == "pixels" else "left"
        if seen not in self._sides:
            self._sides[seen] = Squares(self._offered, self.state, seen)
        return self._sides[seen]

    def solved(self, edits: EditList | None) -> dict[str, Any]:
        """Compute the exact outcome of an episode; see `MazePolicy.exact`.

        Returns:
            Probabilities, the expected length and the expected return. If there is no answer for
            the maze, `reason` alone says why.
        """
        if edits is None and self._plain is not None:
            return self._plain
        if not self.state.open[-1, -1]:
            return {"reason": "the top-right square is a wall"}
        fields = []
        for facing in SIDES:
            side = self.side(facing)
            field = side.field(side.outputs(np.arange(len(side.cells)), edits))
            fields.append(VectorField(field.cells, field.moves, field.values, self.state, facing))
        found = MazePolicy(fields[0], fields[1], self._maze).exact()
        found = {name: one for name, one in found.items() if name != "critic_agrees"}
        if edits is None:
            self._plain = found
        return found


def order_from(state: MazeState, cells: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Return the numbers of squares, the nearest to the mouse first."""
    row, col = state.mouse
    away = [math.hypot(one[0] - row, one[1] - col) for one in cells]
    return np.argsort(np.array(away), kind="stable").astype(np.int64)


def _joined(outputs: tuple[Tensor, Tensor]) -> Tensor:
    logits, values = outputs
    return torch.cat([logits.float(), values.float()[:, None]], 1)


def _memory_order(values: Tensor) -> torch.memory_format:
    """Return the memory format of a tensor, on which speed and last bits of convolutions depend."""
    images = values.dim() == 4 and not values.is_contiguous()
    return torch.channels_last if images else torch.contiguous_format
