"""Tables of an agent's behaviour for a terminal or a page."""

from __future__ import annotations

import math

from rich.table import Table

from chisel.analysis.maze.behaviour.summary import ENDS
from chisel.analysis.results import Estimate, Tree, branch, leaves, new_table


def tables_of(tree: Tree, spread: str) -> list[Table]:
    """Make the tables of a study of behaviour: ends of episodes, regression, predictions, signs.

    Args:
        tree: The tree of `behaviour`, or several joined by `over_seeds`.
        spread: What the intervals are over, in words.
    """
    return [
        _ends(tree, spread),
        _coefficients(tree, spread),
        _predictions(tree, spread),
        _signs(tree),
    ]


def text(value: Estimate, digits: int = 3) -> str:
    """Return a value as text, with its interval if it has one."""
    if math.isinf(value.value):
        return "∞"
    if math.isnan(value.low):
        return "-" if math.isnan(value.value) else f"{value.value:.{digits}f}"
    return f"{value.value:.{digits}f} ({value.low:.{digits}f}, {value.high:.{digits}f})"


def _ends(tree: Tree, spread: str) -> Table:
    caption = (
        "P(cheese) is success; P(corner): the mouse came through the top-right corner, before the "
        f"cheese or without it. 95 % intervals over {spread}, n of them"
    )
    table = new_table("How episodes end", caption, words=["mazes"], numbers=("n", *ENDS))
    rows = {name: leaves(tree, "summary", name) for name in branch(tree, "summary")}
    rows["decision square"] = leaves(tree, "decision")
    corners = branch(tree, "corners")
    rows |= {f"cheese {name}": leaves(corners, name) for name in corners}
    for name, row in rows.items():
        table.add_row(name, str(row[ENDS[0]].n), *(text(row[end]) for end in ENDS))
    return table


def _coefficients(tree: Tree, spread: str) -> Table:
    caption = (
        "log-odds of the cheese for one standard deviation; L1, C = 1. VIF: variance inflation by "
        f"the others. 95 % intervals over {spread}"
    )
    heads = ("coefficient", "VIF", "2nd batch")
    table = new_table("Logistic regression", caption, words=["variable"], numbers=heads)
    again = leaves(tree, "second", "coefficients")
    factors = leaves(tree, "regression", "vif")
    for name, value in leaves(tree, "regression", "coefficients").items():
        table.add_row(name, text(value), text(factors[name], 2), text(again[name]))
    intercepts = [leaves(tree, where)["intercept"] for where in ("regression", "second")]
    table.add_row("intercept", text(intercepts[0]), "", text(intercepts[1]))
    return table


def _predictions(tree: Tree, spread: str) -> Table:
    new = leaves(tree, "new")["episodes"].value
    caption = (
        "of episodes that the model has not seen: ten folds of layouts, or the second batch "
        f"without the first one's layouts ({new:.0%} of its episodes are left); the gain over the "
        f"base rate is paired. 95 % intervals over {spread}"
    )
    heads = ("log-loss", "gain", "accuracy", "base rate", "gain")
    table = new_table("Predictions", caption, words=["variables"], numbers=heads)
    rows = {"these": leaves(tree, "validation")}
    rows |= {name: leaves(tree, "drop_one", name) for name in branch(tree, "drop_one")}
    rows["all 16 metrics"] = leaves(tree, "all", "validation")
    rows["these, on a second batch"] = leaves(tree, "carried")
    for name, row in rows.items():
        cells = [text(row[key]) for key in ("log_loss", "log_loss_gain", "accuracy")]
        base, gain = text(row["base_accuracy"]), text(row["accuracy_gain"])
        table.add_row(name, *cells, base, gain)
    return table


def _signs(tree: Tree) -> Table:
    caption = (
        "over random subsets of all metrics: how often the sign is not the one it has alone, and "
        "how often the penalty takes it out. VIF among all metrics; ∞: the others determine it"
    )
    heads = ("alone", "flips", "taken out", "VIF")
    table = new_table("Signs", caption, words=["metric"], numbers=heads)
    factors = leaves(tree, "all", "vif")
    for name in branch(tree, "signs"):
        row = leaves(tree, "signs", name)
        sign = (
            f"{row['alone'].value:+.0f}"
            if row["alone"].value in (-1, 0, 1)
            else text(row["alone"], 1)
        )
        table.add_row(
            name, sign, text(row["flips"], 2), text(row["zeros"], 2), text(factors[name], 1)
        )
    return table
