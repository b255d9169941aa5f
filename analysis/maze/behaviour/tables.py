"""Make tables of an agent's behaviour."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from chisel.analysis.maze.behaviour.summary import ENDS
from chisel.analysis.results import DataTable, Tree

Origin = Literal["offset", "corner"]
ORIGINS: dict[Origin, str] = {"offset": "the decision square", "corner": "the top-right corner"}
"""Origins of the cheese's offset: names in columns of the table of episodes, and words."""


def tables_of(tree: Tree, spread: str) -> dict[str, DataTable]:
    """Make the tables of a study of behaviour: ends of episodes, regression, predictions, signs.

    Args:
        tree: The tree of `behaviour`, or several joined by `over_seeds`.
        spread: Units of the intervals, in words.
    """
    new = tree["new"]["episodes"].value
    return {
        "ends": DataTable(
            "How episodes end",
            _ends(tree),
            "P(cheese) is success; P(corner): the mouse came through the top-right corner, before "
            f"the cheese or without it. 95 % intervals over {spread}, n of them",
            form=".3f",
        ),
        "regression": DataTable(
            "Logistic regression",
            _coefficients(tree),
            "log-odds of the cheese for one standard deviation; L1, C = 1. VIF: variance inflation "
            f"by the others. 95 % intervals over {spread}",
            form={"1st batch": ".3f", "2nd batch": ".3f"},
        ),
        "predictions": DataTable(
            "Predictions",
            _predictions(tree),
            "of episodes that the model has not seen: ten folds of layouts, or the second batch "
            f"without the first one's layouts ({new:.0%} of its episodes are left); gains over the "
            f"base rate are paired. 95 % intervals over {spread}",
            form=".3f",
        ),
        "signs": DataTable(
            "Signs",
            _signs(tree),
            "over random subsets of all metrics: how often the sign is not the one it has alone, "
            "and how often the penalty takes it out. VIF among all metrics; ∞: the others "
            "determine it",
            form={"alone": "+.2g", "VIF": ".1f"},
        ),
    }


def heat_map(frame: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Compute P(cheese) for each place of the cheese.

    Args:
        frame: Episodes of `decision_episodes`.
        origin: Origin from which places are counted.

    Returns:
        A row for each place: `rows` (upwards) and `columns` (to the right) from the origin, in
        cells, `share` (P(cheese)), and `n`, the number of episodes.
    """
    keys = [frame[f"row_{origin}"].rename("rows"), frame[f"col_{origin}"].rename("columns")]
    found = frame["cheese"].astype(float).groupby(keys).agg(share="mean", n="size")
    return found.reset_index()


def _ends(tree: Tree) -> list[dict[str, Any]]:
    rows = {**tree["summary"], "decision square": tree["decision"]}
    rows |= {f"cheese {name}": row for name, row in tree["corners"].items()}
    return [{"mazes": name, "n": row[ENDS[0]].n, **row} for name, row in rows.items()]


def _coefficients(tree: Tree) -> list[dict[str, Any]]:
    first, second = tree["regression"], tree["second"]
    again = [*second["coefficients"].values(), second["intercept"]]
    values = first["coefficients"] | {"intercept": first["intercept"]}
    return [
        {"variable": name, "1st batch": value, "2nd batch": other, "VIF": first["vif"].get(name)}
        for (name, value), other in zip(values.items(), again, strict=True)
    ]


def _predictions(tree: Tree) -> list[dict[str, Any]]:
    rows = {"these": tree["validation"], **tree["drop_one"]}
    rows |= {"all 16 metrics": tree["all"]["validation"], "these, 2nd batch": tree["carried"]}
    return [
        {
            "variables": name,
            "log-loss": row["log_loss"],
            "log-loss gain": row["log_loss_gain"],
            "accuracy": row["accuracy"],
            "base rate": row["base_accuracy"],
            "accuracy gain": row["accuracy_gain"],
        }
        for name, row in rows.items()
    ]


def _signs(tree: Tree) -> list[dict[str, Any]]:
    return [
        {
            "metric": name,
            "alone": row["alone"],
            "flips": row["flips"],
            "taken out": row["zeros"],
            "VIF": tree["all"]["vif"][name],
        }
        for name, row in tree["signs"].items()
    ]
