"""Describe a policy in one maze by its fields for both sides of the mouse, and its outcomes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from chisel.analysis.maze.chain import MazeChain, chain_of, fields_of
from chisel.analysis.maze.effects import mean_total_variation, value_agreement, visited_variation
from chisel.analysis.maze.fields import Observe, Outputs, VectorField
from chisel.analysis.maze.solve import expected_length, expected_return, outcomes
from chisel.configs import MazeConfig
from chisel.envs.maze import MazeState


@dataclass(frozen=True, eq=False)
class MazePolicy:
    """One policy in one maze."""

    left: VectorField
    """The field of a mouse that faces left."""
    right: VectorField
    """The field of a mouse that faces right."""
    config: MazeConfig
    """The environment, which determines the ends of episodes."""

    def facing(self, orientation: str) -> VectorField:
        """Return one of the two fields."""
        return self.right if orientation == "right" else self.left

    @property
    def chain(self) -> MazeChain:
        """Return both fields as a Markov chain."""
        ends = [*self.left.state.cheese, self.corner]
        both = self.config.goals == "cheese-and-corner"
        return chain_of(self.left, self.right, ends=ends if both else None)

    @property
    def corner(self) -> tuple[int, int]:
        """Return the top-right cell."""
        last = self.left.state.maze_dim - 1
        return last, last

    def exact(self) -> dict[str, Any]:
        """Compute the outcomes of an episode from the start within the timeout, in plain values."""
        chain, steps = self.chain, self.config.timeout
        return {
            "timeout": steps,
            **asdict(outcomes(chain, self.left.state.cheese, self.corner, steps=steps)),
            "length": expected_length(chain, steps=steps),
            "return": expected_return(chain, steps=steps),
            "critic_agrees": {
                field.orientation: value_agreement(chain, field)
                for field in (self.left, self.right)
            },
        }


def maze_policy(
    policy: Outputs, state: MazeState, observe: Observe, config: MazeConfig
) -> MazePolicy:
    """Compute a policy's outputs at every square of a maze, for a mouse that faces either side."""
    return MazePolicy(*fields_of(policy, state, observe), config)


def policy_change(before: MazePolicy, after: MazePolicy) -> dict[str, float]:
    """Compute the difference between two policies in one maze, as mean total variations in 0…1.

    Returns:
        `squares`, the mean over all squares and both orientations; and `visited`, the mean weighted
        by how often the policy `before` acts in each state within the timeout.
    """
    pairs = ((before.left, after.left), (before.right, after.right))
    return {
        "squares": sum(mean_total_variation(*pair) for pair in pairs) / 2,
        "visited": visited_variation(before.chain, after.chain, steps=before.config.timeout),
    }
