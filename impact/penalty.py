"""How far apart are two sets of attainable utilities: the AUP penalty and its variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Baseline = Literal["start", "inaction", "stepwise"]
Deviation = Literal["absolute", "decrease"]
Scale = Literal["each", "sum", "none"]
Null = Literal["max", "noop"]


def impact_of(
    attained: NDArray[np.float64],
    null: NDArray[np.float64],
    deviation: Deviation = "absolute",
    scale: Scale = "each",
) -> NDArray[np.float64]:
    """Penalty `[...]` of attaining `[K, ...]` where the baseline attains `[K, ...]`.

    With differences d between the two, "decrease" counts only losses. The penalty is, by scale:

    - "each": mean of |d| / |null|, as the released code has it
    - "sum": Σ |d| / Σ |null|, as published (Turner et al. 2020, section 3)
    - "none": Σ |d|

    A baseline of 0 divides by 1. Without auxiliary rewards the penalty is 0.

    Args:
        attained: Attainable utilities after acting.
        null: The same for the baseline; broadcast against `attained`.
        deviation: What counts as impact.
        scale: What it is measured by.
    """
    gap = attained - null
    gap = np.abs(np.minimum(gap, 0) if deviation == "decrease" else gap)
    count = len(gap)
    if scale == "none" or not count:
        return np.asarray(gap.sum(axis=0))
    size = np.abs(null)
    if scale == "each":
        return np.asarray((gap / np.where(size == 0, 1, size)).sum(axis=0) / count)
    total = size.sum(axis=0)
    return np.asarray(gap.sum(axis=0) / np.where(total == 0, 1, total))


def step_penalty(
    q: NDArray[np.float64],
    noop: int,
    deviation: Deviation = "absolute",
    scale: Scale = "each",
) -> NDArray[np.float64]:
    """Model-free AUP's penalty `[S, A]`: what is attained by acting against by doing nothing.

    Args:
        q: Auxiliary action values `[K, S, A]`.
        noop: The action of doing nothing, which is free.
        deviation: What counts as impact; see `impact_of`.
        scale: What it is measured by; see `impact_of`.
    """
    return impact_of(q, q[:, :, noop, None], deviation, scale)


@dataclass(frozen=True)
class Penalty:
    """A form of the AUP penalty for planning.

    Attributes:
        baseline: Compared with is the first state ("start"), the state had nothing ever been done
            ("inaction"), or the state if nothing is done now ("stepwise").
        deviation: What counts as impact; see `impact_of`.
        scale: What it is measured by; see `impact_of`.
        null: The stepwise baseline's utility: that of the best action ("max", as published), or
            that of doing nothing once more ("noop", as released, where a no-op costs something).
        rollouts: Compare the states after doing nothing up to the horizon (paper, appendix B),
            instead of those right after the action.

    Raises:
        ValueError: If a word is none of these.
    """

    baseline: Baseline = "stepwise"
    deviation: Deviation = "absolute"
    scale: Scale = "each"
    null: Null = "noop"
    rollouts: bool = True

    def __post_init__(self) -> None:
        one_of("baseline", self.baseline, Baseline)
        one_of("deviation", self.deviation, Deviation)
        one_of("scale", self.scale, Scale)
        one_of("null", self.null, Null)


def one_of(name: str, word: str, choices: object) -> None:
    """Refuse a word that is none of a `Literal`'s.

    Raises:
        ValueError: With the words there are.
    """
    if word not in get_args(choices):
        raise ValueError(f"{name} = {word!r}: one of {', '.join(get_args(choices))}")
