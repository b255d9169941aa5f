"""Replacing channels: by what they are in another maze, by zero, by their mean.

"Causal scrubbing": if channels only say where the cheese is, it does no harm to take them from
another maze with the cheese in the same place, and does harm with the cheese elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.evaluation import action_probabilities
from chisel.analysis.interventions import Edit, LayerSplit, mean, resample, zero
from chisel.analysis.maze import Observe, mouse_at, sum_by_move
from chisel.analysis.maze.channels.detection import with_cheese
from chisel.configs import ConfigError
from chisel.envs.maze import Cell, MazeState, paths
from chisel.models import to_tensor


@dataclass(frozen=True, eq=False)
class Watched:
    """One maze at all squares but those with cheese, run up to a layer."""

    layer_split: LayerSplit
    state: MazeState
    obs: Tensor
    maps: Tensor
    before: NDArray[np.float64]
    """The five moves at each square, `[n, 5]`, untouched."""

    def effect(self, edit: Edit) -> float:
        """Mean total variation over the squares, doing nothing included, in 0…1."""
        after = _moves(self.layer_split.after(self.maps, self.obs, edit)[0])
        return float(np.abs(after - self.before).sum(axis=1).mean() / 2)


def watch(layer_split: LayerSplit, state: MazeState, observe: Observe) -> Watched:
    """Run a maze up to a layer, the mouse on every square and facing left."""
    cells = [cell for cell in paths.free_cells(state.open) if cell not in state.cheese]
    obs = to_tensor(observe(mouse_at(state, cells, "left")))
    maps = layer_split.before(obs)
    return Watched(layer_split, state, obs, maps, _moves(layer_split.after(maps, obs)[0]))


@dataclass(frozen=True)
class Donor:
    """One other maze, with the cheese on the receiver's cell and on another."""

    same: MazeState
    different: MazeState


def donor_for(
    receiver: MazeState, others: Sequence[MazeState], generator: np.random.Generator
) -> Donor:
    """A maze of the same size and other walls, the same for all channels and both conditions.

    Only where its cheese lies differs between the two: on the receiver's very cell, or at least
    two squares from it.

    Raises:
        ConfigError: If the receiver has not one cheese, or no other maze has its cell free.
    """
    if len(receiver.cheese) != 1:
        raise ConfigError(f"resampling needs mazes with one cheese, not {len(receiver.cheese)}")
    (cell,) = receiver.cheese
    fitting = [
        other
        for other in others
        if other.maze_dim == receiver.maze_dim
        and not np.array_equal(other.open, receiver.open)
        and other.open[cell]
        and cell != other.mouse
    ]
    if not fitting:
        raise ConfigError(
            f"no other maze of {receiver.maze_dim}×{receiver.maze_dim} has {cell} free"
        )
    chosen = fitting[int(generator.integers(len(fitting)))]
    far = [one for one in paths.free_cells(chosen.open) if _apart(one, cell, chosen.mouse)]
    if not far:
        raise ConfigError("the maze is too small to put the cheese elsewhere")
    elsewhere = far[int(generator.integers(len(far)))]
    return Donor(with_cheese(chosen, cell), with_cheese(chosen, elsewhere))


def _apart(one: Cell, cell: Cell, mouse: Cell) -> bool:
    return one != mouse and max(abs(one[0] - cell[0]), abs(one[1] - cell[1])) >= 2


@dataclass(frozen=True)
class Resampled:
    """Mean total variation of taking channels from the donor, in 0…1."""

    same: float
    different: float


def resampled(
    watched: Watched, donor: Donor, observe: Observe, channels: Sequence[int]
) -> Resampled:
    """Take all of these channels from one donor, its mouse at the start."""
    maps = watched.layer_split.before(to_tensor(observe([donor.same, donor.different])))
    same, different = (watched.effect(resample(one, channels)) for one in maps)
    return Resampled(same, different)


def ablation_sweep(
    watched: Sequence[Watched],
    means: Tensor,
    progress: Callable[[int, int], None] = lambda done, wanted: None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Effects of ablating each channel alone by zero and by its mean, `[C]` each.

    Args:
        watched: Mazes, over which effects are averaged.
        means: The layer's mean output over other mazes, `[C, H, W]`.
        progress: Called with channels done and wanted.
    """
    count = means.shape[0]
    zeros, averages = [], []
    for c in range(count):
        zeros.append(np.mean([one.effect(zero(c)) for one in watched]))
        averages.append(np.mean([one.effect(mean(means, c)) for one in watched]))
        progress(c + 1, count)
    return np.array(zeros), np.array(averages)


def matched_channels(
    zero_effects: NDArray[np.float64], channels: Sequence[int], generator: np.random.Generator
) -> list[int]:
    """As many other channels with zero-ablation effects as close as they come, one for each.

    Ties, as between channels that do nothing, are broken at random.

    Raises:
        ConfigError: If there are too few others.
    """
    rest = [c for c in generator.permutation(len(zero_effects)).tolist() if c not in channels]
    if len(rest) < len(channels):
        raise ConfigError(f"{len(rest)} other channels for {len(channels)} controls")
    chosen: list[int] = []
    for channel in sorted(channels, key=lambda c: -zero_effects[c]):
        left = [c for c in rest if c not in chosen]
        chosen.append(min(left, key=lambda c: abs(zero_effects[c] - zero_effects[channel])))
    return chosen


def random_channels(
    count: int, channels: Sequence[int], generator: np.random.Generator
) -> list[int]:
    """As many channels out of `count`, none of these.

    Raises:
        ConfigError: If there are too few others.
    """
    rest = [c for c in range(count) if c not in channels]
    if len(rest) < len(channels):
        raise ConfigError(f"{len(rest)} other channels for {len(channels)} controls")
    return sorted(generator.choice(rest, len(channels), replace=False).tolist())


def _moves(logits: torch.Tensor) -> NDArray[np.float64]:
    return sum_by_move(action_probabilities(logits.double()).numpy())
