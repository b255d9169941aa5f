"""Retarget the mouse: clamp channels that follow the cheese at another square to lead it there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from chisel.analysis.interventions import BATCH, LayerSplit, clamp_each
from chisel.analysis.maze import Observe, layer_cell, move_between, move_probabilities, view_side
from chisel.analysis.maze.channels.detection import with_cheese
from chisel.configs import MazeConfig
from chisel.envs.maze import MOVES, Cell, MazeState, paths
from chisel.models import to_tensor


@dataclass(frozen=True, eq=False)
class Ways:
    """The shortest paths from the start to all squares, as `P` pairs of a target and a step."""

    squares: list[MazeState]
    """The maze with the mouse on each square of some path, facing as on that path."""
    targets: list[Cell]
    """The `n` squares other than the start that can be reached."""
    target: NDArray[np.int64]
    """Index into `targets` of each pair, ascending, `[P]`."""
    square: NDArray[np.int64]
    """Index into `squares` of each pair, `[P]`."""
    move: NDArray[np.int64]
    """Move of each pair towards the target, an index into `MOVES`, `[P]`."""

    @property
    def distance(self) -> NDArray[np.int64]:
        """Return the number of steps to each target, `[n]`."""
        return np.bincount(self.target, minlength=len(self.targets))


def ways_of(state: MazeState) -> Ways:
    """Find the shortest paths from the mouse; in a maze without loops there is one to each square.

    A step to the left or right turns the mouse, so each square of a path has one orientation.
    """
    tree = paths.path_tree(state.open, state.mouse)
    targets = [cell for cell in paths.free_cells(state.open) if tree.distance[cell] > 0]
    squares: list[MazeState] = []
    known: dict[tuple[Cell, bool], int] = {}
    pairs = []
    for number, target in enumerate(targets):
        facing = state.is_reflected
        for here, there in itertools.pairwise(tree.path_to(target)):
            move = move_between(here, there)
            if (here, facing) not in known:
                known[here, facing] = len(squares)
                copy = state.copy()
                copy.set_mouse(*here)
                copy.is_reflected = facing
                squares.append(copy)
            pairs.append((number, known[here, facing], move))
            facing = {"LEFT": False, "RIGHT": True}.get(MOVES[move], facing)
    target_, square, move_ = np.array(pairs, np.int64).reshape(-1, 3).T
    return Ways(squares, targets, target_, square, move_)


def path_probability(ways: Ways, moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the geometric mean of the moves' probabilities along the path to each target, `[n]`.

    Args:
        ways: The shortest paths of a maze.
        moves: Probabilities of the five moves at each pair, `[P, 5]`.
    """
    taken = moves[np.arange(len(ways.move)), ways.move]
    with np.errstate(divide="ignore"):
        sums = np.bincount(ways.target, np.log(taken), minlength=len(ways.targets))
    found: NDArray[np.float64] = np.exp(sums / ways.distance)
    return found


@dataclass(frozen=True, eq=False)
class RetargetMap:
    """Normalised path probabilities from the start to every other square, `[n]` each in 0…1."""

    state: MazeState
    """The maze, without cheese."""
    targets: list[Cell]
    distance: NDArray[np.int64]
    """Number of steps to each target."""
    base: NDArray[np.float64]
    """Probabilities without any intervention, and without cheese."""
    clamped: NDArray[np.float64]
    """Probabilities with the channels clamped at the target's place."""
    moved: NDArray[np.float64] | None
    """Probabilities with the cheese really on the target, as an upper limit; None if not computed.
    """

    @property
    def off_path(self) -> NDArray[np.int64]:
        """Return the steps from each target to the path from the start to the corner, `[n]`."""
        state = self.state
        corner = (state.maze_dim - 1, state.maze_dim - 1)
        way = paths.shortest_path(state.open, state.mouse, corner) or [state.mouse]
        steps = np.stack([paths.distances(state.open, cell) for cell in way]).min(axis=0)
        return np.array([steps[cell] for cell in self.targets], np.int64)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each target."""
        rows, cols = np.array(self.targets, np.int64).reshape(-1, 2).T
        columns = {"row": rows, "col": cols, "distance": self.distance, "off_path": self.off_path}
        columns |= {"base": self.base, "clamped": self.clamped}
        return pd.DataFrame(columns if self.moved is None else columns | {"moved": self.moved})


def retarget_map(
    layer_split: LayerSplit,
    state: MazeState,
    observe: Observe,
    config: MazeConfig,
    *,
    channels: Sequence[int],
    values: Sequence[float],
    ceiling: bool = True,
) -> RetargetMap:
    """Clamp channels at every square in turn, and compute how well that leads the mouse there.

    The layers before the clamp run once for each square, the rest once for each pair of a target
    and a square on the path to it.

    Args:
        layer_split: Network and layer.
        state: A maze. It is not changed; its cheese is removed in copies.
        observe: Function that makes observations of states.
        config: The environment, for its view.
        channels: Channels that are clamped together.
        values: Value to which each channel is set.
        ceiling: Whether to compute `moved` as well, for which the whole network runs at each pair.

    Raises:
        ConfigError: If a channel or the module is unknown.
    """
    bare = with_cheese(state, None)
    ways = ways_of(bare)
    obs = to_tensor(observe(ways.squares))
    maps = layer_split.before(obs)
    shape = (maps.shape[2], maps.shape[3])
    side = view_side(config)
    places = torch.tensor([layer_cell(bare, cell, side, shape) for cell in ways.targets])
    base = move_probabilities(layer_split.after(maps, obs)[0])[ways.square]
    clamped = []
    for pairs in _batches(ways):
        squares = torch.from_numpy(ways.square[pairs])
        edit = clamp_each(
            channels, places[torch.from_numpy(ways.target[pairs])], torch.tensor(list(values))
        )
        logits = layer_split.after(edit(maps[squares]), obs[squares])[0]
        clamped.append(move_probabilities(logits))
    return RetargetMap(
        state=bare,
        targets=ways.targets,
        distance=ways.distance,
        base=path_probability(ways, base),
        clamped=path_probability(ways, np.concatenate(clamped)),
        moved=path_probability(ways, _really_moved(layer_split, ways, observe))
        if ceiling
        else None,
    )


def _really_moved(layer_split: LayerSplit, ways: Ways, observe: Observe) -> NDArray[np.float64]:
    """Return move probabilities `[P, 5]` at each pair with the cheese on its target."""
    moves = []
    for pairs in _batches(ways):
        states = [
            with_cheese(ways.squares[square], ways.targets[target])
            for square, target in zip(ways.square[pairs], ways.target[pairs], strict=True)
        ]
        with torch.no_grad():
            moves.append(move_probabilities(layer_split.model(to_tensor(observe(states)))[0]))
    return np.concatenate(moves)


def _batches(ways: Ways) -> list[NDArray[np.int64]]:
    """Return the numbers of all pairs in parts that fit one forward pass."""
    count = len(ways.square)
    return np.split(np.arange(count), range(BATCH, count, BATCH))
