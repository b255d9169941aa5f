"""What counts as done: shipped seeds, finished runs, and results of the same entry and weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from chisel.analysis import ledger
from chisel.analysis.results import write_json
from chisel.configs import ConfigError, Page
from chisel.models import WEIGHTS

OUT = Path("out")


def ship(seed: int, name: str = "small") -> None:
    folder = Path(f"agents/{name}/seed-{seed}")
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(bytes([seed]))


def finish(page: Page, seed: int) -> None:
    folder = ledger.folder_of(page, "agents", OUT) / f"seed-{seed}"
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(bytes([seed]))
    write_json(folder / ledger.STAMP, {})


def measure(page: Page) -> None:
    said, weights = ledger.plain_entry(page, "cut"), ledger.digests(page, "cut", OUT)
    folder = ledger.folder_of(page, "cut", OUT)
    folder.mkdir(parents=True)
    write_json(folder / ledger.STAMP, {"entry": said, "weights": weights})


def states(page: Page) -> list[str]:
    return [ledger.state_of(page, name, OUT).name for name in page.entries]


def changed(page: Page, name: str, **settings: object) -> Page:
    entry = dataclasses.replace(page.entries[name], **settings)  # type: ignore[arg-type]  # fields
    return dataclasses.replace(page, entries={**page.entries, name: entry})


def test_seeds_are_shipped_or_done_one_by_one(page: Page) -> None:
    assert states(page) == ["missing", "waits", "missing"]
    ship(0)
    assert ledger.state_of(page, "agents", OUT) == ("part done", 1, 2)
    finish(page, 1)
    assert states(page) == ["done", "missing", "missing"]
    ship(1)
    assert states(page) == ["recorded", "missing", "missing"]


def test_a_run_that_was_begun_is_part_done(page: Page) -> None:
    folder = ledger.folder_of(page, "agents", OUT) / "seed-0"
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    assert ledger.state_of(page, "agents", OUT) == ("part done", 0, 2)


def test_exactly_what_changes_runs_again(page: Page) -> None:
    finish(page, 0)
    finish(page, 1)
    measure(page)
    assert states(page) == ["done", "done", "missing"]
    assert states(changed(page, "cut", settings="levels=10")) == ["done", "missing", "missing"]
    assert states(changed(page, "cut", minutes=9, figures={})) == ["done", "done", "missing"]
    assert states(changed(page, "agents", minutes=9)) == ["done", "done", "missing"]
    assert states(changed(page, "agents", settings="frames=999")) == ["missing", "waits", "missing"]
    assert states(changed(page, "agents", seeds=(0,))) == ["done", "missing", "missing"]


def test_runs_of_an_own_experiment_are_found_until_its_file_says_something_else(page: Page) -> None:
    file = Path("own/experiment.yaml")
    file.parent.mkdir()
    file.write_text("extends: digits/halves\nframes: 640\n")
    page = changed(page, "agents", train=str(file))
    assert ledger.folder_of(page, "agents", OUT).name == "experiment"
    finish(page, 0)
    finish(page, 1)
    assert states(page) == ["done", "missing", "missing"]
    file.write_text("extends: digits/halves\nframes: 1280\n")
    assert states(page) == ["missing", "waits", "missing"]


def test_other_weights_are_measured_again(page: Page) -> None:
    ship(0)
    ship(1)
    measure(page)
    assert states(page) == ["recorded", "done", "missing"]
    Path("agents/small/seed-1", WEIGHTS).write_bytes(b"others")
    assert states(page) == ["recorded", "missing", "missing"]


def test_a_shipped_folder_is_measured_itself_only_if_its_seeds_are_those_asked(page: Page) -> None:
    ship(0)
    ship(1)
    assert ledger.weights_of(page, "cut", OUT) == "agents/small"
    one = changed(page, "agents", seeds=(1,))
    assert ledger.weights_of(one, "cut", OUT) == "agents/small/seed-1"
    ship(2)
    home = ledger.runs_folder(page.trainings["agents"], "agents", OUT)
    assert ledger.weights_of(page, "cut", OUT) == str(home / ledger.AGENTS)
    assert ledger.weights_of(page, "worlds", OUT) is None


def test_a_study_of_several_trainings_waits_for_all_and_is_measured_again_if_one_changes(
    page: Page,
) -> None:
    others = dataclasses.replace(page.trainings["agents"], seeds=(3,), recorded="agents/others")
    entries = {"agents": page.entries["agents"], "others": others, "cut": page.entries["cut"]}
    page = changed(dataclasses.replace(page, entries=entries), "cut", of="agents,others")
    assert ledger.chosen(page, ["cut"]) == ["agents", "others", "cut"]
    ship(0)
    ship(1)
    assert states(page) == ["recorded", "missing", "waits"]
    ship(3, "others")
    assert states(page) == ["recorded", "recorded", "missing"]
    assert ledger.weights_of(page, "cut", OUT) == "agents/small,agents/others/seed-3"
    measure(page)
    assert set(ledger.digests(page, "cut", OUT)) == {
        "agents/seed-0",
        "agents/seed-1",
        "others/seed-3",
    }
    assert states(page) == ["recorded", "recorded", "done"]
    Path("agents/others/seed-3", WEIGHTS).write_bytes(b"others")
    assert states(page) == ["recorded", "recorded", "missing"]


def test_chosen_entries_bring_the_trainings_that_they_need(page: Page) -> None:
    assert ledger.chosen(page, ["worlds"]) == ["worlds"]
    assert ledger.chosen(page, ["cut"]) == ["agents", "cut"]
    assert ledger.chosen(page, []) == ["agents", "cut", "worlds"]
    with pytest.raises(ConfigError, match="only=cutt: did you mean 'cut'"):
        ledger.chosen(page, ["cutt"])
