"""The outcomes of episodes in worlds with two ways to a goal."""

from __future__ import annotations

from typing import NamedTuple


class Ways(NamedTuple):
    """Probabilities of an episode's outcomes, which add up to 1."""

    around: float
    """Probability of reaching the goal without disturbing anything."""
    through: float
    """Probability of reaching the goal and disturbing something."""
    neither: float
    """Probability of not reaching the goal within the time limit."""
