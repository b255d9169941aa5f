"""The AUP penalty and its variants: distances between two sets of attainable utilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Baseline = Literal["start", "inaction", "stepwise"]
Deviation = Literal["absolute", "decrease"]
Scale = Literal["each", "sum", "none"]
Null = Literal["max", "noop"]

_Values = TypeVar("_Values", NDArray[np.float64], "Tensor")


def utility_change(attained: _Values, null: _Values, deviation: Deviation) -> _Values:
    """Compute by how much attainable utilities, arrays or tensors, differ from a baseline's.

    Args:
        attained: Attainable utilities after acting.
        null: Those of the baseline, broadcast against `attained`.
        deviation: "absolute" counts all differences, "decrease" losses alone.

    Returns:
        Differences, at least 0.
    """
    gap = attained - null
    return abs(gap.clip(max=0) if deviation == "decrease" else gap)


def impact_of(
    attained: NDArray[np.float64],
    null: NDArray[np.float64],
    deviation: Deviation = "absolute",
    scale: Scale = "each",
) -> NDArray[np.float64]:
    """Compute the penalty `[...]` of attainable utilities against those of a baseline.

    Let d be the differences of the two; with the deviation "decrease" only losses count. By scale
    the penalty is:

    - "each": mean of |d| / |null|, as in the released code
    - "sum": Σ |d| / Σ |null|, as published (Turner et al. 2020, section 3)
    - "none": Σ |d|

    Where the baseline is 0 the divisor is 1. Without auxiliary rewards (K = 0) the penalty is 0.

    Args:
        attained: Attainable utilities `[K, ...]` after acting.
        null: Those of the baseline, broadcast against `attained`.
        deviation: See `utility_change`.
        scale: Divisor of the differences.
    """
    gap = utility_change(attained, null, deviation)
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
    """Compute model-free AUP's penalty `[S, A]`, which compares each action with the no-op.

    Args:
        q: Auxiliary action values `[K, S, A]`.
        noop: The action of doing nothing, whose penalty is 0.
        deviation: See `impact_of`.
        scale: See `impact_of`.
    """
    return impact_of(q, q[:, :, noop, None], deviation, scale)


@dataclass(frozen=True)
class Penalty:
    """A form of the AUP penalty for planning.

    Attributes:
        baseline: State to compare with: the first state ("start"), the state after doing nothing
            from the start ("inaction"), or after doing nothing now ("stepwise").
        deviation: See `impact_of`.
        scale: See `impact_of`.
        null: Utility of the stepwise baseline: of its best action ("max", as published), or of
            doing nothing once more ("noop", as released, where a no-op can have a penalty).
        rollouts: Whether states after doing nothing up to the horizon are compared (paper, appendix
            B), instead of those right after the action.

    Raises:
        ValueError: If an option has an unknown value.
    """

    baseline: Baseline = "stepwise"
    deviation: Deviation = "absolute"
    scale: Scale = "each"
    null: Null = "noop"
    rollouts: bool = True

    def __post_init__(self) -> None:
        check_words(self, baseline=Baseline, deviation=Deviation, scale=Scale, null=Null)


def check_words(options: object, **choices: object) -> None:
    """Check that each option is one of the words of its `Literal`.

    Args:
        options: Object with an attribute for each option.
        choices: `Literal` of each option by name.

    Raises:
        ValueError: For the first option that is another word; the message lists the possible ones.
    """
    for name, words in choices.items():
        word, known = getattr(options, name), get_args(words)
        if word not in known:
            raise ValueError(f"{name} = {word!r}: one of {', '.join(known)}")
