"""Tables become CSV files."""

import numpy as np
import pandas as pd
import pytest

from chisel.analysis.results import write_csv
from chisel.configs import CheckpointError


def test_a_table_goes_to_csv_and_comes_back_with_the_same_bits(tmp_path):
    frame = pd.DataFrame({"run": [0, 1], "x": [0.1 + 0.2, 1e-17], "b": [True, False]}, index=[7, 3])
    path = write_csv(tmp_path / "a.csv", frame)
    assert path.read_bytes() == b"run,x,b\n0,0.30000000000000004,True\n1,1e-17,False\n"
    back = pd.read_csv(path, float_precision="round_trip")
    pd.testing.assert_frame_equal(back, frame.reset_index(drop=True), check_exact=True)
    path = write_csv(path, pd.DataFrame({"x": [np.nan, 2.0], "name": ["a, b", None]}))
    assert path.read_text().splitlines() == ["x,name", ',"a, b"', "2.0,"]


def test_a_csv_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="cannot write"):
        write_csv(tmp_path / "missing" / "a.csv", pd.DataFrame({"x": [1]}))
