"""Choices, fields, maps and channels of maze agents are tables."""

import numpy as np

from chisel.analysis.maze.channels.detection import Tracking
from chisel.analysis.maze.channels.retarget import RetargetMap
from chisel.analysis.maze.cheese_vector import Row, choices_frame
from chisel.analysis.maze.fields import VectorField
from chisel.envs.maze import MazeState


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
    assert list(led.columns) == ["row", "col", "distance", "off_path", "base", "clamped"]
    assert led["col"].tolist() == [1, 2]
    tracking = Tracking(one, two, one, two, one).to_frame()
    assert tracking["channel"].tolist() == [0, 1]
    assert tracking["hits"].tolist() == [1, 1]
