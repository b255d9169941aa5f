"""What a grid shows: a table on a terminal, a line for each change in a log file."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from chisel import configs
from chisel.trainers.logging.grid_progress import GridProgress
from chisel.trainers.runs.members import Member, Outcome

HEADER = "iteration,env_steps,charts/episodic_return,charts/success,charts/SPS\n"


def members(folder: Path, number: int) -> list[Member]:
    config = configs.load("gridworld/ppo", ["frames=20000"])
    names = [f"gamma=0.9/seed-{index}" for index in range(number)]
    for name in names:
        (folder / name).mkdir(parents=True)
    return [Member(name, folder / name, config) for name in names]


def log(member: Member, *rows: str) -> None:
    (member.folder / "metrics.csv").write_text(HEADER + "".join(rows))


def shown(some: list[Member], *, terminal: bool, height: int = 40) -> list[str]:
    """Start the first two; let the first end well and the second fail."""
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=terminal, color_system=None, width=100, height=height
    )
    with GridProgress(some, some[:-1], console) as progress:
        progress.update(some[0], None)
        progress.update(some[1], None)
        log(some[0], "1,2048,0.5,0.25,800.4\n", "2,4096,0.75,0.5,")
        log(some[1], "1,2048,,,\n", "2,4096,-1.5,0,1234.5\n")
        if not terminal:
            progress.update(some[0], Outcome(0, ""))
            progress.update(some[1], Outcome(4, "NaN"))
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue()).splitlines()


def test_without_a_terminal_each_change_is_one_line_with_the_newest_numbers(
    tmp_path: Path,
) -> None:
    assert shown(members(tmp_path, 4), terminal=False) == [
        "4 runs: 3 waiting, 1 done",
        "gamma=0.9/seed-0 running  (4 runs: 1 running, 2 waiting, 1 done)",
        "gamma=0.9/seed-1 running  (4 runs: 2 running, 1 waiting, 1 done)",
        "gamma=0.9/seed-0 done  2k/20k frames  return 0.50  success 25%  800 frames/s  "
        "(4 runs: 1 running, 1 waiting, 2 done)",
        "gamma=0.9/seed-1 failed  4.1k/20k frames  return -1.50  success 0%  1,234 frames/s  "
        "(4 runs: 1 failed, 1 waiting, 2 done)",
    ]


def test_on_a_terminal_the_last_table_stays_with_a_row_for_each_run(tmp_path: Path) -> None:
    lines = shown(members(tmp_path, 4), terminal=True)
    table = [line.split() for line in lines[-6:]]
    assert table == [
        ["run", "state", "frames", "frames/s", "return", "success"],
        ["gamma=0.9/seed-0", "running", "2k/20k", "800", "0.50", "25%"],
        ["gamma=0.9/seed-1", "running", "4.1k/20k", "1,234", "-1.50", "0%"],
        ["gamma=0.9/seed-2", "waiting", "0/20k", "–", "–", "–"],
        ["gamma=0.9/seed-3", "done", "0/20k", "–", "–", "–"],
        ["4", "runs:", "2", "running,", "1", "waiting,", "1", "done"],
    ]


def test_a_table_higher_than_the_terminal_keeps_what_runs_and_counts_the_rest(
    tmp_path: Path,
) -> None:
    lines = shown(members(tmp_path, 30), terminal=True, height=10)
    states = [line.split()[1] for line in lines[-5:-1]]
    assert states == ["running", "running", "waiting", "waiting"]
    assert lines[-1].strip() == "30 runs: 2 running, 27 waiting, 1 done; 26 not shown"


@pytest.mark.parametrize("text", ["", "iteration,env_steps\n", HEADER, HEADER + "1,20"])
def test_a_log_without_a_whole_row_has_no_numbers(text: str, tmp_path: Path) -> None:
    some = members(tmp_path, 1)
    (some[0].folder / "metrics.csv").write_text(text)
    console = Console(file=io.StringIO(), force_terminal=False)
    with GridProgress(some, some, console) as progress:
        progress.update(some[0], Outcome(143, ""))
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # StringIO
    assert "stopped  0/20k frames  return –  success –  – frames/s" in printed


def test_the_last_row_of_a_long_log_is_found_from_its_end(tmp_path: Path) -> None:
    some = members(tmp_path, 1)
    log(some[0], *(f"{i},{i * 1000},{i / 7},0.5,100\n" for i in range(1, 20_001)))
    console = Console(file=io.StringIO(), force_terminal=False)
    with GridProgress(some, some, console) as progress:
        progress.update(some[0], Outcome(0, ""))
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # StringIO
    assert "done  20M/20k frames  return 2857.14  success 50%  100 frames/s" in printed
