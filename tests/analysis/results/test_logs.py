"""What `chisel logs` shows, against the rows that were written."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chisel.analysis.results import logs, plain_table
from chisel.configs import CheckpointError, ConfigError

STEPS = [64 * i for i in range(1, 31)]
SUCCESS = [i / 100 for i in range(1, 31)]
FALLING = [float(30 - i) for i in range(30)]


def write(folder: Path, file: str = "metrics.csv", **columns: Sequence[Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / file).open("w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(["iteration", "env_steps", *columns])
        writer.writerows(zip(range(1, 31), STEPS, *columns.values(), strict=False))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of thirty rows, with a study after the tenth and the twentieth."""
    columns: Mapping[str, Any] = {"charts/success": SUCCESS, "losses/entropy": FALLING}
    folder = write(tmp_path / "run", **columns, **{"losses/odd": [0.5] * 29 + ["nan"]})
    text = "iteration,env_steps,studies/success/cheese\n10,640,0.25\n20,1280,0.75\n"
    (folder / "studies.csv").write_text(text)
    return folder


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """Three seeds; the last has half the rows, and a metric that the others lack."""
    folder = tmp_path / "group"
    write(folder / "seed-2", **{"charts/success": SUCCESS})
    write(folder / "seed-10", **{"charts/success": SUCCESS[:15], "losses/own": SUCCESS[:15]})
    write(folder / "seed-3", **{"charts/success": [1 - value for value in SUCCESS]})
    (folder / "group.json").write_text("{}")
    return folder


def shown(folder: Path, **options: Any) -> dict[str, Any]:
    (table,) = logs(folder, **options)
    return plain_table(table)


def test_without_keys_every_metric_has_its_newest_value(run: Path) -> None:
    table = shown(run)
    assert table["caption"] == "30 rows, env_steps 64 to 1,920"
    assert table["columns"] == ["metric", "newest"]
    assert dict(table["rows"]) == {
        "charts/success": "0.3",
        "losses/entropy": "1",
        "losses/odd": "0.5",
        "studies/success/cheese": "0.75",
    }


def test_runs_of_a_group_are_side_by_side_in_the_order_of_their_seeds(group: Path) -> None:
    table = shown(group)
    assert table["columns"] == ["metric", "seed-2", "seed-3", "seed-10"]
    assert table["rows"] == [
        ["charts/success", "0.3", "0.7", "0.15"],
        ["losses/own", "–", "–", "0.15"],
    ]
    assert "seed-10: 15 rows, env_steps 64 to 960" in table["caption"]


@pytest.mark.parametrize(("last", "count"), [(None, 20), ("3", 3), (7, 7), ("1000", 30)])
def test_with_keys_the_last_rows_are_shown(run: Path, last: Any, count: int) -> None:
    table = shown(run, key="losses/entropy,charts/success", last=last)
    assert table["columns"] == ["iteration", "env_steps", "losses/entropy", "charts/success"]
    wanted = list(zip(range(1, 31), STEPS, FALLING, SUCCESS, strict=True))[-count:]
    assert [[float(cell.replace(",", "")) for cell in row] for row in table["rows"]] == [
        list(map(float, row)) for row in wanted
    ]


def test_rows_that_lack_all_metrics_that_are_asked_for_are_left_out(run: Path) -> None:
    rows = shown(run, key="studies/success/cheese")["rows"]
    assert rows == [["10", "640", "0.25"], ["20", "1,280", "0.75"]]


def test_each_key_of_a_group_is_a_table_with_a_column_for_each_run(group: Path) -> None:
    success, own = map(plain_table, logs(group, key=["charts/success", "losses/own"], last=1))
    assert success["title"] == "charts/success"
    assert success["columns"][2:] == own["columns"][2:] == ["seed-2", "seed-3", "seed-10"]
    assert success["rows"] == [["30", "1,920", "0.3", "0.7", "–"]]
    assert own["rows"] == [["15", "960", "–", "–", "0.15"]]


def test_a_plot_goes_up_where_the_metric_does_and_has_its_range(run: Path) -> None:
    rows = {row[0]: row[1:] for row in shown(run, plot="true")["rows"]}
    heights = {name: list(map("▁▂▃▄▅▆▇█".index, row[0])) for name, row in rows.items()}
    assert len(heights["charts/success"]) == 20
    assert (np.diff(heights["charts/success"]) >= 0).all()
    assert (heights["charts/success"][0], heights["charts/success"][-1]) == (0, 7)
    assert heights["losses/entropy"] == [7 - height for height in heights["charts/success"]]
    assert set(heights["losses/odd"]) == {0}
    assert rows["charts/success"][1:] == ["0.01", "0.3", "0.3"]
    assert shown(run, key="charts/success", plot=True)["rows"][0][1] == rows["charts/success"][0]


def test_a_plot_of_a_group_has_a_line_for_each_run(group: Path) -> None:
    rows = shown(group, key="charts/success", plot=True)["rows"]
    assert [row[1] for row in rows] == ["seed-2", "seed-3", "seed-10"]


def test_a_last_line_that_is_half_written_is_no_row(run: Path) -> None:
    before = shown(run)
    with (run / "metrics.csv").open("a") as file:
        file.write("31,1984,0.9")
    assert shown(run) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"key": "success"}, r"key=success: .* no such metric; did you mean 'charts/success'\?"),
        ({"key": "charts/success,charts/success"}, "given twice"),
        ({"last": "0", "key": "charts/success"}, "last=0: must be a whole number, at least 1"),
        ({"last": "few", "key": "charts/success"}, "last=few: must be a whole number"),
        ({"last": "5"}, "last=5 has no effect: it needs key=METRIC"),
        ({"last": "5", "plot": "true"}, "last=5 has no effect: plot=true draws all rows"),
        ({"plot": "yes"}, "plot=yes: must be true or false"),
    ],
)
def test_options_that_are_wrong_or_idle_are_refused(
    run: Path, options: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        logs(run, **options)


def test_what_is_no_run_or_has_no_row_yet_is_a_checkpoint_fault(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is it a run"):
        logs(tmp_path)
    (tmp_path / "metrics.csv").write_text("iteration,env_steps\n")
    with pytest.raises(CheckpointError, match="no row yet"):
        logs(tmp_path)
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CheckpointError, match="not a log of metrics"):
        logs(tmp_path)
