"""Tables have a row for each thing, with the numbers that were found."""

import numpy as np
import pytest

from chisel.analysis.maze.channels.detection import Tracking
from chisel.analysis.maze.channels.retarget import RetargetMap
from chisel.analysis.maze.cheese_vector import Row, choices_frame
from chisel.analysis.maze.fields import VectorField
from chisel.analysis.results.estimates import Estimate
from chisel.analysis.results.frame import Frame
from chisel.analysis.results.tree import to_frame
from chisel.envs.maze import MazeState


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


def test_choices_have_a_row_for_each_condition_and_maze():
    rows = [
        Row("nothing", np.array([[1.0, 0, 0], [0, 1, 0]]), np.arange(2)),
        Row("same cell", np.array([[0.2, 0.3, 0.5]]), np.array([1]), "fc", -1.0),
    ]
    frame = choices_frame(rows)
    assert frame["name"].tolist() == ["nothing", "nothing", "same cell"]
    assert frame["maze"].tolist() == [0, 1, 1]
    assert frame["coeff"].tolist() == [0, 0, -1]
    assert frame["neither"].tolist() == [0, 0, 0.5]


def test_fields_maps_and_channels_are_tables():
    state = MazeState.from_drawing("..C\n.#.\nM..", mode="easy")
    cells = np.array([[0, 0], [0, 1]])
    moves = np.array([[0.1, 0.2, 0.3, 0.4, 0.0], [1, 0, 0, 0, 0]])
    field = VectorField(cells, moves, np.array([1.0, 2.0]), state, "left").to_frame()
    assert field["UP"].tolist() == [0.3, 0]
    assert field["col"].tolist() == [0, 1]
    one, two = np.array([0.5, 0.25]), np.array([1.0, 1.0])
    led = RetargetMap(state, [(0, 1), (0, 2)], np.array([1, 2]), one, two, None).to_frame()
    assert list(led.columns) == ["row", "col", "distance", "base", "clamped"]
    assert led["col"].tolist() == [1, 2]
    tracking = Tracking(one, two, one, two, one).to_frame()
    assert tracking["channel"].tolist() == [0, 1]
    assert tracking["hits"].tolist() == [1, 1]
