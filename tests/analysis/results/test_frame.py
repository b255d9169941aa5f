"""Tables have a row for each thing, with the numbers that were found."""

import numpy as np
import pytest

from chisel.analysis.results.estimates import Estimate
from chisel.analysis.results.frame import Frame
from chisel.analysis.results.tree import to_frame


def test_rows_become_columns():
    frame = Frame.of_rows([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert len(frame) == 2
    assert frame.to_plain() == {"a": [1, 2], "b": ["x", "y"]}
    with pytest.raises(ValueError, match="one length"):
        Frame({"a": np.zeros(2), "b": np.zeros(3)})


def test_a_tree_of_estimates_has_a_row_for_each_leaf():
    tree = {"on": {"cheese": Estimate(1.0, 0.5, 1.5, 9)}, "n": Estimate(2.0, 1.0, 3.0, 4)}
    frame = to_frame(tree)
    assert frame["name"].tolist() == ["on/cheese", "n"]
    assert frame.matrix(["value", "low", "high", "n"]).tolist() == [[1, 0.5, 1.5, 9], [2, 1, 3, 4]]
