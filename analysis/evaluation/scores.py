"""Scores of one player on mazes of one kind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.evaluation.held_out import Placement
from chisel.analysis.results import Estimate, mean_over_layouts

Player = Literal["agent", "random"]

EFFICIENT = 2
"""Factor of the shortest path to the nearest goal up to which success counts as efficient."""

OUTCOMES = ("neither", "cheese", "corner")
"""Ends of an episode with two goals, in the order of the fact `outcome`."""


@dataclass(frozen=True)
class Score:
    """The scores of one player on the levels of one kind; each layout weighs the same."""

    cheese: Placement
    """Where the cheese lay: where training puts it, or anywhere in the maze."""
    player: Player
    size: int | None
    """Side of the mazes in cells; `None` is all of them together."""
    episodes: int
    without_cheese: int
    """Number of episodes with no goal to find: they are left out of everything below."""
    layouts: int
    """Number of different layouts of the other episodes, which estimates are means over."""
    success: Estimate
    """Share of episodes that end at a goal."""
    efficient: Estimate
    """Share of episodes that do so within twice the shortest path to the nearest goal."""
    ret: Estimate
    """Undiscounted return, 10 for a goal."""
    length: Estimate
    """Number of steps."""
    outcomes: dict[str, Estimate]
    """With two goals, the shares that end at `cheese`, at `corner` and at `neither`."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain = asdict(self)
        for name in ("success", "efficient", "ret", "length"):
            plain[name] = getattr(self, name).to_plain()
        plain["outcomes"] = {name: share.to_plain() for name, share in self.outcomes.items()}
        return plain | {"return": plain.pop("ret")}


def scores_by_size(
    facts: dict[str, NDArray[Any]],
    placement: Placement,
    player: Player,
    generator: np.random.Generator,
    *,
    two_goals: bool = False,
) -> list[Score]:
    """Return scores of all mazes together, then of each size.

    Args:
        facts: Facts about episodes `[E, ...]`, as `HeldOut.play` returns them.
        placement: Where the cheese lay.
        player: Player of the episodes.
        generator: Source of the bootstrap's draws.
        two_goals: Whether to tell the goals apart as well.
    """
    sizes: list[int | None] = [None, *np.unique(facts["size"]).tolist()]
    scores = []
    for size in sizes:
        chosen = np.ones(len(facts["size"]), bool) if size is None else facts["size"] == size
        solvable = chosen & (facts["shortest_path"] >= 0)
        seen = {name: values[solvable] for name, values in facts.items()}
        mean = functools.partial(mean_over_layouts, layouts=seen["layout"], generator=generator)
        scores.append(
            Score(
                cheese=placement,
                player=player,
                size=size,
                episodes=int(chosen.sum()),
                without_cheese=int((chosen & ~solvable).sum()),
                layouts=len(np.unique(seen["layout"])),
                success=mean(seen["success"], share=True),
                efficient=mean(is_efficient(seen), share=True),
                ret=mean(seen["r"]),
                length=mean(seen["l"]),
                outcomes=_shares(seen["outcome"], mean) if two_goals else {},
            )
        )
    return scores


def is_efficient(facts: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Return which episodes `[E]` ended at a goal without long detours."""
    efficient: NDArray[np.bool_] = facts["success"] & (
        facts["l"] <= EFFICIENT * facts["shortest_path"]
    )
    return efficient


def _shares(outcomes: NDArray[np.int64], mean: Callable[..., Estimate]) -> dict[str, Estimate]:
    return {
        name: mean(outcomes == OUTCOMES.index(name), share=True)
        for name in ("cheese", "corner", "neither")
    }
