"""One maze before and after an intervention: fields for both ways the mouse may face, solved."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from chisel.analysis.maze.chain import MazeChain, chain_of, fields_of
from chisel.analysis.maze.effects import mean_total_variation, value_agreement, visited_variation
from chisel.analysis.maze.fields import Observe, Outputs, VectorField
from chisel.analysis.maze.solve import expected_length, expected_return, outcomes
from chisel.configs import MazeConfig
from chisel.envs.maze import MazeState


@dataclass(frozen=True, eq=False)
class Side:
    """What one policy does in a maze."""

    left: VectorField
    """Of a mouse that faces left."""
    right: VectorField
    config: MazeConfig
    """For what ends an episode."""

    def facing(self, orientation: str) -> VectorField:
        """One of the two fields."""
        return self.right if orientation == "right" else self.left

    @property
    def chain(self) -> MazeChain:
        """Both fields as a Markov chain."""
        ends = [*self.left.state.cheese, self.corner]
        both = self.config.goals == "cheese-and-corner"
        return chain_of(self.left, self.right, ends=ends if both else None)

    @property
    def corner(self) -> tuple[int, int]:
        """The top-right cell."""
        last = self.left.state.maze_dim - 1
        return last, last

    def exact(self) -> dict[str, Any]:
        """What becomes of an episode from the start within the timeout, in plain values."""
        chain, steps = self.chain, self.config.timeout
        return {
            "timeout": steps,
            **asdict(outcomes(chain, self.left.state.cheese, self.corner, steps=steps)),
            "length": expected_length(chain, steps=steps),
            "return": expected_return(chain, steps=steps),
            "critic_agrees": {
                field.orientation: _or_null(value_agreement(chain, field).share)
                for field in (self.left, self.right)
            },
        }


def side_of(policy: Outputs, state: MazeState, observe: Observe, config: MazeConfig) -> Side:
    """Ask a policy at every square of a maze, facing either way."""
    return Side(*fields_of(policy, state, observe), config)


def change(before: Side, after: Side) -> dict[str, float]:
    """How far two policies are apart in one maze, as mean total variations in 0…1.

    Returns:
        `squares`, over all squares and both orientations; `visited`, weighted by how often the
        policy before is there within the timeout.
    """
    pairs = ((before.left, after.left), (before.right, after.right))
    return {
        "squares": sum(mean_total_variation(*pair) for pair in pairs) / 2,
        "visited": visited_variation(before.chain, after.chain, steps=before.config.timeout),
    }


def _or_null(share: float) -> float | None:
    """For JSON: no square with a choice gives nan."""
    return None if math.isnan(share) else share
