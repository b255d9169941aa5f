"""Reproducing a page: what runs, what is skipped, and how a budget or Ctrl-C ends it."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from chisel import trainers
from chisel.analysis import ledger
from chisel.analysis.results import read_json
from chisel.configs import ConfigError, Page, RunConfig, Stopped, read_page
from chisel.models import WEIGHTS, load
from chisel.trainers.reproduction import running

OUT = Path("out")
YAML = """\
entries:
  agents: {train: digits/halves, seeds: [0, 1], minutes: 2, recorded: agents/small}
  cut: {study: ablation, of: agents, settings: levels=9, minutes: 3}
  worlds: {study: power-orbits, minutes: 1}
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(YAML)
    return read_page("mine.yaml")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Stands in for training and studies: notes what is asked, writes what a run leaves."""
    asked: list[tuple[Any, ...]] = []

    def train(config: RunConfig) -> None:
        asked.append(("train", config.seed))
        folder = Path(config.runs_dir) / config.experiment / str(config.name)
        folder.mkdir(parents=True)
        (folder / "config.yaml").touch()
        (folder / WEIGHTS).write_bytes(bytes([config.seed]))

    def study(name: str, **options: Any) -> None:
        asked.append((name, options.get("checkpoint"), options.get("levels")))
        Path(options["out"]).mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(running, "train", train)
    monkeypatch.setattr(running, "resume", lambda run: asked.append(("resume", Path(run).name)))
    monkeypatch.setattr(running.studies, "run", study)
    return asked


def reproduce(page: Page, **options: Any) -> list[str]:
    return trainers.reproduce(page, OUT, names=list(page.entries), **options)


def ship(seed: int) -> None:
    folder = Path(f"agents/small/seed-{seed}")
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(bytes([seed]))


def agents(page: Page) -> str:
    return str(ledger.runs_folder(page.trainings["agents"], "agents", OUT) / ledger.AGENTS)


def test_from_nothing_all_runs_in_order_and_nothing_twice(page: Page, calls: list[Any]) -> None:
    assert reproduce(page) == []
    cut = ("ablation", agents(page), "9")
    assert calls == [("train", 0), ("train", 1), cut, ("power-orbits", None, None)]
    assert reproduce(page) == []
    assert len(calls) == 4
    assert sorted(path.name for path in Path(agents(page)).iterdir()) == ["seed-0", "seed-1"]


def test_shipped_seeds_are_not_trained_and_are_measured_with_the_others(
    page: Page, calls: list[Any]
) -> None:
    ship(1)
    reproduce(page)
    assert calls[:2] == [("train", 0), ("ablation", agents(page), "9")]
    assert (Path(agents(page)) / "seed-1" / WEIGHTS).read_bytes() == bytes([1])
    ship(0)
    calls.clear()
    reproduce(page)
    assert calls == [], "the same weights from elsewhere need no other measurement"


def test_where_all_are_shipped_the_shipped_folder_is_measured(page: Page, calls: list[Any]) -> None:
    ship(0)
    ship(1)
    reproduce(page)
    assert calls[0] == ("ablation", "agents/small", "9")
    stamp = read_json(OUT / "cut" / ledger.STAMP)
    assert stamp["command"] == "chisel study ablation checkpoint=agents/small levels=9"
    assert sorted(stamp["weights"]) == ["seed-0", "seed-1"]
    assert {"commit", "machine", "date", "minutes", "cpu_seconds"} <= stamp.keys()


def test_a_run_that_was_begun_is_resumed(page: Page, calls: list[Any]) -> None:
    folder = ledger.folder_of(page, "agents", OUT) / "seed-0"
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    reproduce(page)
    assert calls[:2] == [("resume", "seed-0"), ("train", 1)]


def test_a_fault_names_its_entry_and_leaves_it_undone(
    page: Page, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise ConfigError("levels=9: too few")

    monkeypatch.setattr(running.studies, "run", refuse)
    with pytest.raises(ConfigError, match="mine: cut: levels=9: too few"):
        reproduce(page)
    assert [ledger.state_of(page, name, OUT).name for name in page.entries][:2] == [
        "done",
        "missing",
    ]


def test_a_study_without_time_left_is_not_begun(page: Page, calls: list[Any]) -> None:
    ship(0)
    ship(1)
    notes = reproduce(page, hours=2 / 60)
    assert notes == ["cut: is planned for 3 minutes, and 1 are left"]
    assert calls == [("power-orbits", None, None)], "what fits is still done"


def waits(seconds: float) -> Callable[..., None]:
    return lambda *given, **more: time.sleep(seconds)


def test_the_end_of_the_budget_stops_a_study_and_is_no_fault(
    page: Page, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "train", waits(60))
    handlers = [signal.getsignal(one) for one in (signal.SIGALRM, signal.SIGTERM)]
    notes = reproduce(page, hours=0.5 / 3600)
    assert notes == [
        "agents: the budget is over",
        "cut: the budget is over",
        "worlds: the budget is over",
    ]
    assert [signal.getsignal(one) for one in (signal.SIGALRM, signal.SIGTERM)] == handlers
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_another_signal_within_the_budget_is_told(
    page: Page, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "train", lambda config: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped, match="the same command goes on"):
        reproduce(page, hours=1)


def test_a_system_without_alarms_says_so_before_anything_runs(
    page: Page, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(signal, "setitimer")
    with pytest.raises(ConfigError, match="hours: Windows has no alarm; leave it out"):
        reproduce(page, hours=1)
    assert calls == []


def test_the_machine_is_named_on_systems_that_tell_no_affinity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert re.search(r", [1-9]\d* cores", running.machine())


def alarm_after(rows: int, log: Path) -> None:
    """Ring the budget's alarm once a run has logged so many iterations."""
    while not log.exists() or len(log.read_text().splitlines()) <= rows:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGALRM)


@pytest.mark.slow
def test_a_run_that_the_alarm_ends_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        "entries:\n  a: {train: digits/halves, settings: trainer.threads=1, seeds: [0], minutes: 1}"
    )
    page = read_page("mine.yaml")
    whole, parts = Path("whole"), Path("parts")
    assert trainers.reproduce(page, whole, names=["a"]) == []
    log = ledger.run_of(page, "a", 0, parts) / "metrics.csv"
    watch = threading.Thread(target=alarm_after, args=(2, log))
    watch.start()
    with pytest.raises(Stopped, match="SIGTERM"):
        trainers.reproduce(page, parts, names=["a"], hours=1)
    watch.join()
    assert ledger.state_of(page, "a", parts).name == "part done"
    assert trainers.reproduce(page, parts, names=["a"]) == []
    one, other = (
        load(ledger.run_of(page, "a", 0, out)).model.state_dict() for out in (whole, parts)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
