"""P(cheese) by the cheese's place relative to the decision square or to the corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Origin = Literal["offset", "corner"]
ORIGINS: dict[Origin, str] = {"offset": "the decision square", "corner": "the top-right corner"}
"""Where the offset is counted from: names in columns of the table, and in words."""


@dataclass(frozen=True)
class HeatMap:
    """P(cheese) for each offset of the cheese; row 0 is the lowest."""

    origin: Origin
    rows: NDArray[np.int64]
    """Offset of each row `[R]` in cells, upwards."""
    cols: NDArray[np.int64]
    """Offset of each column `[C]` in cells, to the right."""
    share: NDArray[np.float64]
    """P(cheese) `[R, C]`; nan for an offset that no maze has."""
    count: NDArray[np.int64]
    """Number of episodes `[R, C]`."""

    def to_plain(self) -> dict[str, Any]:
        """Return the offsets that occurred, in plain values for JSON."""
        places = np.argwhere(self.count)
        return {
            "from": ORIGINS[self.origin],
            "offsets": [
                {
                    "rows": int(self.rows[row]),
                    "columns": int(self.cols[col]),
                    "share": float(self.share[row, col]),
                    "n": int(self.count[row, col]),
                }
                for row, col in places
            ],
        }


def heat_map(frame: pd.DataFrame, origin: Origin) -> HeatMap:
    """Compute the share of episodes that ended at the cheese, for each offset of the cheese.

    Args:
        frame: Episodes of `decision_episodes`.
        origin: Where the offset is counted from.
    """
    row, col = (frame[f"{axis}_{origin}"].to_numpy(np.int64) for axis in ("row", "col"))
    rows, cols = np.arange(row.min(), row.max() + 1), np.arange(col.min(), col.max() + 1)
    count, total = np.zeros((2, len(rows), len(cols)), np.int64)
    np.add.at(count, (row - rows[0], col - cols[0]), 1)
    np.add.at(total, (row - rows[0], col - cols[0]), frame["cheese"].to_numpy(np.int64))
    share = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return HeatMap(origin, rows, cols, share, count)
