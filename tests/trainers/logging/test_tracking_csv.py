"""The CSV log against a plain list of the rows that were written."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel.trainers.logging.csv_log import CsvLog


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(log: CsvLog, iterations: range) -> None:
    for iteration in iterations:
        log.write({"charts/SPS": iteration / 3}, iteration, iteration * 64)


def test_a_row_holds_what_was_logged_to_the_last_bit(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "metrics.csv", last_iteration=0)
    log.write({"losses/a": 0.1 + 0.2, "losses/b": math.nan, "odd,name": 1e-300}, 1, 80_000_001)
    (row,) = rows_of(log.path)
    assert list(row)[:2] == ["iteration", "env_steps"]
    assert (int(row["iteration"]), int(row["env_steps"])) == (1, 80_000_001)
    assert float(row["losses/a"]) == 0.1 + 0.2
    assert math.isnan(float(row["losses/b"]))
    assert float(row["odd,name"]) == 1e-300


def test_every_row_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "metrics.csv", last_iteration=0)
    for iteration in range(1, 4):
        log.write({"x": 1.0}, iteration, iteration)
        assert len(rows_of(log.path)) == iteration


def test_new_metrics_become_columns_at_the_end_and_missing_ones_stay_empty(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "metrics.csv", last_iteration=0)
    log.write({"b": 1.0}, 1, 64)
    log.write({"a": 2.0, "b": 3.0}, 2, 128)
    log.write({"a": 4.0}, 3, 192)
    rows = rows_of(log.path)
    assert list(rows[0]) == ["iteration", "env_steps", "b", "a"]
    assert [(row["b"], row["a"]) for row in rows] == [("1.0", ""), ("3.0", "2.0"), ("", "4.0")]


@settings(max_examples=40, deadline=None)
@given(
    kills=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 40)), max_size=4)
)
def test_killed_and_resumed_runs_have_each_iteration_once(
    tmp_path_factory: pytest.TempPathFactory, kills: list[tuple[int, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("run") / "metrics.csv"
    reached = 0
    for further, lost, torn in kills:
        write(CsvLog(path, last_iteration=reached), range(reached + 1, reached + further + 1))
        if path.exists() and torn and reached + further:
            with path.open("ab") as file:
                file.write(b"999,999,0.123456789"[:torn])
        reached = max(reached + further - lost, 0)
    before = path.read_bytes() if path.exists() else b""
    log = CsvLog(path, last_iteration=reached)
    assert (path.read_bytes() if path.exists() else b"") == before, "opening changes nothing"
    log.truncate()
    write(log, range(reached + 1, 8))
    last = max(reached, 7)
    assert [int(row["iteration"]) for row in rows_of(path)] == list(range(1, last + 1))
    assert [float(row["charts/SPS"]) for row in rows_of(path)] == [
        i / 3 for i in range(1, last + 1)
    ]


def test_a_log_knows_the_last_iteration_of_a_killed_run(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert CsvLog(path, last_iteration=0).reached == 0
    write(CsvLog(path, last_iteration=0), range(1, 6))
    assert CsvLog(path, last_iteration=3).reached == 5
