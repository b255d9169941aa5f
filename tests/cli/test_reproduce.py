"""`chisel reproduce`: what is asked of the room that trains, and what is refused."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

import chisel
from chisel.cli.main import main

YAML = """\
entries:
  agents: {train: digits/halves, seeds: [0], minutes: 2}
  cut: {study: ablation, of: agents, minutes: 3}
  worlds: {study: power-orbits, minutes: 1}
"""


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stands in for the room that trains; a page lies in the folder."""
    calls: list[Any] = []

    def reproduce(page: Any, out: Path, **options: Any) -> list[str]:
        out.mkdir(parents=True)
        calls.append((page.name, str(out), options))
        return ["worlds: the budget is over"] if options["hours"] == 4 else []

    room = types.ModuleType("chisel.trainers")
    vars(room)["reproduce"] = reproduce
    monkeypatch.setitem(sys.modules, "chisel.trainers", room)
    monkeypatch.setitem(vars(chisel), "trainers", room)
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(YAML)
    Path("mine.md").write_text("# Mine\n")
    return calls


def test_everything_runs_in_a_folder_of_the_page(asked: list[Any], capsys: Any) -> None:
    assert main(["reproduce", "mine.yaml"]) == 0
    names = {"names": ["agents", "cut", "worlds"], "hours": float("inf")}
    assert asked == [("mine", "runs/reproduce/mine", names)]
    printed = capsys.readouterr().out
    assert "0 numbers measured" in printed
    assert "left:" not in printed


def test_what_the_budget_leaves_is_said_and_is_no_fault(asked: list[Any], capsys: Any) -> None:
    assert main(["reproduce", "mine.yaml", "hours=4", "only=cut", "out=there"]) == 0
    assert asked == [("mine", "there", {"names": ["agents", "cut"], "hours": 4})]
    assert "left: worlds: the budget is over\nthe same command goes on" in capsys.readouterr().out


def test_a_plan_runs_nothing(asked: list[Any], capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["reproduce", "mine.yaml", "plan=true"]) == 0
    assert asked == []
    printed = capsys.readouterr().out
    for words in ("chisel train digits/halves seed=0", "missing", "waits", "0.1 hours are left"):
        assert words in printed
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["hours=0"], "hours=0: must be a number above 0"),
        (["hours=soon"], "hours=soon: must be a number above 0"),
        (["only=cutt"], "only=cutt: did you mean 'cut'"),
        (["plan=maybe"], "plan=maybe: must be true or false"),
        (["plan=true", "write=true"], "plan=true runs and writes nothing"),
        (["jobs=2"], "no option 'jobs'; known: hours, only, out, plan, write"),
        (["hour=2"], "no option 'hour'; did you mean 'hours'?"),
    ],
)
def test_wrong_arguments_are_one_line(
    settings: list[str], said: str, asked: list[Any], capsys: Any
) -> None:
    assert main(["reproduce", "mine.yaml", *settings]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert asked == []


def test_the_page_must_exist(capsys: Any) -> None:
    assert main(["reproduce", "aup"]) == 2
    said = "there is no page docs/reproductions/aup.yaml; "
    said += "type it in the folder of a clone, or give a YAML file"
    assert said in capsys.readouterr().err
    assert main(["reproduce"]) == 2
    assert "PAGE is missing" in capsys.readouterr().err
