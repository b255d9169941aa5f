"""What a probe is asked, and of which states: right answers, in three sets of layouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ProbeTarget:
    """One question about `N` states, and the right answers."""

    name: str
    values: NDArray[Any]
    """float64 `[N]` for a number, int64 `[N]` for one of several classes."""

    @property
    def is_number(self) -> bool:
        """Whether the answer is a number, and not a class."""
        return self.values.dtype.kind == "f"


@dataclass(frozen=True, eq=False)
class Sample:
    """`N` states: fitted ones first, then those for choosing, then those for scoring."""

    obs: Tensor
    """`[N, C, H, W]`."""
    targets: tuple[ProbeTarget, ...]
    layouts: NDArray[np.int64]
    """A number for each arrangement of walls `[N]`."""
    parts: tuple[int, int]
    """How many are fitted, and how many are for choosing."""
