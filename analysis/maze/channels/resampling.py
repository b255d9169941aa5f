"""Measure the effects of replacing channels by values from another maze, by zero, or by the mean.

Replacing values by those of another input is "causal scrubbing". If channels represent only the
place of the cheese, values from another maze with the cheese in the same place change the policy
little, and values from a maze with the cheese elsewhere change it much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.interventions import Edit, LayerSplit, mean, resample, zero
from chisel.analysis.maze import Observe, mouse_at, move_probabilities, only_cheese
from chisel.analysis.maze.channels.detection import with_cheese
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState, paths
from chisel.models import to_tensor


@dataclass(frozen=True, eq=False)
class RecordedMaze:
    """The layer's output for the mouse on each of the `n` squares of a maze without cheese."""

    layer_split: LayerSplit
    obs: Tensor
    """Observations `[n, C, H, W]`."""
    maps: Tensor
    """The layer's output `[n, C, H, W]`."""
    before: NDArray[np.float64]
    """Probabilities of the five moves without an intervention, `[n, 5]`."""

    def effect(self, edit: Edit) -> float:
        """Return the mean total variation of the moves over the squares under an edit."""
        after = move_probabilities(self.layer_split.after(self.maps, self.obs, edit)[0])
        return float(np.abs(after - self.before).sum(axis=1).mean() / 2)


def record_maze(layer_split: LayerSplit, state: MazeState, observe: Observe) -> RecordedMaze:
    """Run the network up to the layer, with the mouse on every square, facing left."""
    cells = [cell for cell in paths.free_cells(state.open) if cell not in state.cheese]
    obs = to_tensor(observe(mouse_at(state, cells, "left")))
    maps = layer_split.before(obs)
    before = move_probabilities(layer_split.after(maps, obs)[0])
    return RecordedMaze(layer_split, obs, maps, before)


class Donor(NamedTuple):
    """Another maze, from which channels are taken."""

    same: MazeState
    """The maze with its cheese on the receiver's cell."""
    different: MazeState
    """The maze with its cheese on another cell."""


def donors_of(receiver: MazeState, others: Sequence[MazeState]) -> list[MazeState]:
    """Return mazes of the receiver's size with other walls, in which its cheese's cell is free."""
    (cell,) = receiver.cheese
    return [
        other
        for other in others
        if other.maze_dim == receiver.maze_dim
        and not np.array_equal(other.open, receiver.open)
        and other.open[cell]
        and cell != other.mouse
    ]


def donor_for(
    receiver: MazeState, others: Sequence[MazeState], generator: np.random.Generator
) -> Donor:
    """Choose a maze of the receiver's size with other walls, to take channels from.

    The donor's two states differ only in the cheese, which is on the receiver's cell or at least
    two squares away.

    Raises:
        ConfigError: If the receiver has not exactly one cheese, or no other maze has its cell free.
    """
    cell = only_cheese(receiver)
    fitting = donors_of(receiver, others)
    if not fitting:
        raise ConfigError(
            f"no other maze of {receiver.maze_dim}×{receiver.maze_dim} has {cell} free"
        )
    chosen = fitting[int(generator.integers(len(fitting)))]
    free = [one for one in paths.free_cells(chosen.open) if one != chosen.mouse]
    far = [one for one in free if max(abs(one[0] - cell[0]), abs(one[1] - cell[1])) >= 2]
    if not far:
        raise ConfigError("the maze is too small to put the cheese elsewhere")
    elsewhere = far[int(generator.integers(len(far)))]
    return Donor(with_cheese(chosen, cell), with_cheese(chosen, elsewhere))


def resampled(
    receiver: RecordedMaze, donor: Donor, observe: Observe, channels: Sequence[int]
) -> tuple[float, float]:
    """Measure the effect of taking these channels from a donor whose mouse is at the start.

    Returns:
        The mean total variation, in 0…1, with the donor's cheese on the receiver's cell, and on
        another cell.
    """
    maps = receiver.layer_split.before(to_tensor(observe(donor)))
    same, different = (receiver.effect(resample(one, channels)) for one in maps)
    return same, different


def ablation_sweep(
    mazes: Sequence[RecordedMaze],
    means: Tensor,
    progress: Callable[[int, int], None] = lambda done, wanted: None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the effects of ablating each channel alone, by zero and by its mean, `[C]` each.

    Args:
        mazes: Mazes over which effects are averaged.
        means: The layer's mean output, `[C, H, W]`.
        progress: Called with the numbers of channels done and wanted.
    """
    count = means.shape[0]
    zeros, averages = [], []
    for c in range(count):
        zeros.append(np.mean([one.effect(zero(c)) for one in mazes]))
        averages.append(np.mean([one.effect(mean(means, c)) for one in mazes]))
        progress(c + 1, count)
    return np.array(zeros), np.array(averages)


def matched_channels(
    zero_effects: NDArray[np.float64], channels: Sequence[int], generator: np.random.Generator
) -> list[int]:
    """Choose for each channel another one with the most similar effect of zero-ablation.

    Ties, such as those between channels without any effect, are broken at random.

    Raises:
        ConfigError: If there are too few others.
    """
    rest = _others(generator.permutation(len(zero_effects)).tolist(), channels)
    chosen: list[int] = []
    for channel in sorted(channels, key=lambda c: -zero_effects[c]):
        left = [c for c in rest if c not in chosen]
        chosen.append(min(left, key=lambda c: abs(zero_effects[c] - zero_effects[channel])))
    return chosen


def random_channels(
    count: int, channels: Sequence[int], generator: np.random.Generator
) -> list[int]:
    """Draw as many other channels, out of `count`, as `channels` has.

    Raises:
        ConfigError: If there are too few others.
    """
    rest = _others(range(count), channels)
    return sorted(generator.choice(rest, len(channels), replace=False).tolist())


def _others(every: Sequence[int], channels: Sequence[int]) -> list[int]:
    """Return the channels that are not in `channels`, of which there must be as many."""
    rest = [channel for channel in every if channel not in channels]
    if len(rest) < len(channels):
        raise ConfigError(f"{len(rest)} other channels for {len(channels)} controls")
    return rest
