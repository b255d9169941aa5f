"""Tracking without W&B, and with a W&B that fails at everything."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from chisel.configs import RunConfig, TrackingConfig
from chisel.trainers.logging import wandb_run
from chisel.trainers.logging.csv_log import CsvLog
from chisel.trainers.logging.tracking import Tracking, make_loggers, write_gif
from chisel.trainers.runs import versions


class Broken:
    """A W&B run whose every use raises."""

    iteration = 0

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"no {name} today")


def broken(folder: Path, warnings: list[str]) -> Tracking:
    log = CsvLog(folder / "metrics.csv", last_iteration=0)
    studies = CsvLog(folder / "studies.csv", last_iteration=0)
    return Tracking(folder, log, studies, Broken(), True, warnings.append)  # type: ignore[arg-type]  # a stub


def film(length: int = 5) -> Any:
    return np.random.default_rng(0).integers(0, 255, (length, 16, 24, 3), dtype=np.uint8)


def test_a_failing_wandb_is_warned_of_once_and_stops_nothing(tmp_path: Path) -> None:
    warnings: list[str] = []
    tracking = broken(tmp_path, warnings)
    for iteration in (1, 2):
        tracking.log({"x": 1.0}, iteration, iteration)
    tracking.log_studies({"y": 2.0}, 2, 2)
    tracking.log_video("episodes", film(), 2)
    tracking.log_figure("field", Figure(), 2)
    tracking.checkpoint_saved(tmp_path / "missing.ckpt")
    tracking.failed(ValueError("boom"))
    tracking.finish()
    assert len(warnings) == 1
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert len(list((tmp_path / "media").iterdir())) == 2
    assert (tmp_path / "studies.csv").read_text() == "iteration,env_steps,y\n2,2,2.0\n"


def test_the_runs_of_a_grid_are_one_group_and_have_names_and_ids_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(wandb_run, "start_wandb", lambda *_, **named: asked.append(named))
    monkeypatch.setenv("WANDB_RUN_ID", "mine")
    names = ["grid/gamma=0.9/seed-0", "grid/gamma=0.9/seed-1", "grid/gamma=0.99", "seeds/seed-0"]
    for name in [*names, "lone"]:
        (tmp_path / name).mkdir(parents=True)
    for group in ("grid", "seeds"):
        (tmp_path / group / "group.json").touch()
    for name in [*names, "lone"]:
        make_loggers(RunConfig(tracking=TrackingConfig(mode="offline")), tmp_path / name)
    assert [(one["group"], one["name"], one["run_id"]) for one in asked] == [
        ("grid", names[0], "mine-gamma=0.9-seed-0"),
        ("grid", names[1], "mine-gamma=0.9-seed-1"),
        ("grid", names[2], "mine-gamma=0.99"),
        ("seeds", names[3], "mine-seed-0"),
        (None, "lone", None),
    ]


def test_disabled_tracking_writes_the_csv_and_imports_no_wandb(tmp_path: Path) -> None:
    config = RunConfig(tracking=TrackingConfig(mode="disabled"))
    tracking = make_loggers(config, tmp_path)
    tracking.log({"x": 1.0}, 1, 64)
    tracking.finish()
    assert (tracking.loggers, tracking.run_id) == ([], None)
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.csv"}


def test_a_film_is_read_back_frame_by_frame(tmp_path: Path) -> None:
    shades = np.linspace(0, 250, 6).astype(np.uint8)
    frames = np.broadcast_to(shades[:, None, None, None], (6, 16, 24, 3)).copy()
    frames[3] = np.linspace(0, 250, 24).astype(np.uint8)[:, None]  # the palette is made of this
    write_gif(tmp_path / "film.gif", frames, fps=20)
    with Image.open(tmp_path / "film.gif") as gif:
        assert (gif.n_frames, gif.size) == (6, (24, 16))
        assert (gif.info["duration"], gif.info["loop"]) == (50, 0)
        for number, frame in enumerate(frames):
            gif.seek(number)
            shown = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(shown - frame).max() <= 12


@pytest.mark.parametrize(
    "frames",
    [film()[0], film().astype(np.float32), film()[..., :1], film(0)],
    ids=["one picture", "floats", "one channel", "no frames"],
)
def test_what_is_no_film_is_refused_with_its_shape(tmp_path: Path, frames: Any) -> None:
    with pytest.raises(ValueError, match="uint8 \\[T, H, W, 3\\]"):
        write_gif(tmp_path / "film.gif", frames, fps=15)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_commit_is_that_of_the_tracked_file_and_says_if_there_are_changes(tmp_path: Path) -> None:
    assert versions.commit_of(tmp_path) is None
    git(tmp_path, "init")
    tracked, ignored = tmp_path / "a.py", tmp_path / "b.py"
    tracked.write_text("1")
    ignored.write_text("1")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-m", "first")
    head = (tmp_path / ".git" / "refs" / "heads").iterdir()
    commit = next(head).read_text().strip()
    assert versions.commit_of(tracked) == commit
    assert versions.commit_of(ignored) is None
    assert versions.commit_of(tmp_path) == commit
    tracked.write_text("2")
    assert versions.commit_of(tracked) == f"{commit}-dirty"


def test_versions_are_plain_text_also_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert versions.git_commit() is None
    found = versions.versions()
    assert found["torch"].startswith("2.")
    assert all(isinstance(value, str) for value in found.values())
