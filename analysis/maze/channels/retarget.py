"""Leading the mouse elsewhere: a channel is told that the cheese is where it is not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.evaluation import action_probabilities
from chisel.analysis.interventions import BATCH, LayerSplit, clamp_each
from chisel.analysis.maze import Observe, sum_by_move
from chisel.analysis.maze.channels.detection import with_cheese
from chisel.analysis.maze.channels.places import layer_cell, view_side
from chisel.analysis.results import Frame
from chisel.configs import MazeConfig
from chisel.envs.maze import MOVE_DELTAS, MOVES, Cell, MazeState, paths
from chisel.models import to_tensor


@dataclass(frozen=True, eq=False)
class Ways:
    """The ways from the start to every other square of a maze, as pairs of a target and a step."""

    squares: list[MazeState]
    """The maze with the mouse on each square that some way leads over, facing as on that way."""
    targets: list[Cell]
    """All squares but the start that can be reached."""
    target: NDArray[np.int64]
    """Of each pair, an index into `targets`, ascending, `[P]`."""
    square: NDArray[np.int64]
    """Of each pair, an index into `squares`, `[P]`."""
    move: NDArray[np.int64]
    """Of each pair, the move that goes on towards the target, `[P]`."""

    @property
    def distance(self) -> NDArray[np.int64]:
        """Steps to each target, `[n]`."""
        return np.bincount(self.target, minlength=len(self.targets))


def ways_of(state: MazeState) -> Ways:
    """All shortest ways from the mouse; in a maze without loops there is one to each square.

    The mouse is turned by its last step sideways, so that it faces one way on each square.
    """
    tree = paths.path_tree(state.open, state.mouse)
    targets = [cell for cell in paths.free_cells(state.open) if tree.distance[cell] > 0]
    squares: list[MazeState] = []
    known: dict[tuple[Cell, bool], int] = {}
    pairs = []
    for number, target in enumerate(targets):
        facing = state.is_reflected
        for here, there in itertools.pairwise(tree.path_to(target)):
            move = MOVE_DELTAS.index((there[0] - here[0], there[1] - here[1]))
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
    """Geometric mean of the probabilities of the moves along the way to each target, `[n]`.

    Args:
        ways: Of a maze.
        moves: The five moves' probabilities at each pair, `[P, 5]`.
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
    """Steps to each target."""
    base: NDArray[np.float64]
    """Nothing is done, and there is no cheese."""
    clamped: NDArray[np.float64]
    """The channels are clamped at the target's place."""
    moved: NDArray[np.float64] | None
    """The cheese really lies on the target: the ceiling. None if not asked for."""

    def to_frame(self) -> Frame:
        """A row for each target."""
        rows, cols = np.array(self.targets, np.int64).reshape(-1, 2).T
        columns = {"row": rows, "col": cols, "distance": self.distance}
        columns |= {"base": self.base, "clamped": self.clamped}
        return Frame(columns if self.moved is None else columns | {"moved": self.moved})


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
    """Clamp channels at every square in turn and see how well the mouse is led there.

    The layers before the clamp run once for each square, the rest once for each pair of a target
    and a square on the way to it.

    Args:
        layer_split: The layer.
        state: A maze; its cheese is taken away.
        observe: What the agent sees.
        config: The view.
        channels: Which are clamped together.
        values: What each is set to.
        ceiling: Move the real cheese as well, which has no shortcut.

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
    base = _moves(layer_split.after(maps, obs)[0])[ways.square]
    clamped = []
    for pairs in np.split(np.arange(len(ways.square)), range(BATCH, len(ways.square), BATCH)):
        squares = torch.from_numpy(ways.square[pairs])
        edit = clamp_each(
            channels, places[torch.from_numpy(ways.target[pairs])], torch.tensor(list(values))
        )
        clamped.append(_moves(layer_split.after(edit(maps[squares]), obs[squares])[0]))
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
    found = []
    for pairs in np.split(np.arange(len(ways.square)), range(BATCH, len(ways.square), BATCH)):
        states = [
            with_cheese(ways.squares[square], ways.targets[target])
            for square, target in zip(ways.square[pairs], ways.target[pairs], strict=True)
        ]
        with torch.no_grad():
            found.append(_moves(layer_split.model(to_tensor(observe(states)))[0]))
    return np.concatenate(found)


def _moves(logits: torch.Tensor) -> NDArray[np.float64]:
    return sum_by_move(action_probabilities(logits.double()).numpy())
