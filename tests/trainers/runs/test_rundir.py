"""Folders of runs: locks and disks that refuse, and commands that can be typed as they are."""

from __future__ import annotations

import errno
import fcntl
import re
import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chisel import configs, trainers
from chisel.configs import CheckpointError, ConfigError, RunConfig
from chisel.trainers.runs import rundir

NO_LOCKS = ("ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL")


def refusing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(handle: Any, operation: int) -> None:
        raise OSError(number, f"error {number}")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_a_folder_in_use_is_said_to_be(tmp_path: Path) -> None:
    with (
        rundir.lock(tmp_path),
        pytest.raises(ConfigError, match="another process trains"),
        rundir.lock(tmp_path),
    ):
        pass
    with rundir.lock(tmp_path):
        pass


def test_on_windows_a_folder_in_use_is_said_to_be_with_the_locks_of_that_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for `msvcrt`, whose `locking` raises EACCES when another process has the lock."""
    held: list[int] = []

    def locking(handle: int, mode: int, size: int) -> None:
        if held:
            raise PermissionError(errno.EACCES, "Permission denied")
        held.append(handle)

    windows = SimpleNamespace(locking=locking, LK_NBLCK=2)
    monkeypatch.setattr(rundir, "msvcrt", windows, raising=False)
    monkeypatch.setattr(rundir, "sys", SimpleNamespace(platform="win32"))
    with (
        rundir.lock(tmp_path),
        pytest.raises(ConfigError, match="another process trains"),
        rundir.lock(tmp_path),
    ):
        pass


@pytest.mark.parametrize("name", NO_LOCKS)
def test_where_a_disk_knows_no_locks_training_goes_on_with_a_warning(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refusing(monkeypatch, getattr(errno, name))
    with rundir.lock(tmp_path):
        (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: the disk of {tmp_path} has no locks")
    assert "no other process" in line


@pytest.mark.parametrize("name", ["EIO", "ENOMEM", "EACCES", "ESTALE"])
def test_other_errors_of_locking_are_reported_as_they_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, getattr(errno, name))
    with pytest.raises(CheckpointError, match="cannot lock"), rundir.lock(tmp_path):
        pass


def test_a_record_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = configs.load("maze/smoke")
    with pytest.raises(CheckpointError, match=r"cannot write .*config\.yaml: Not a directory"):
        rundir.write_config(tmp_path / "file", config)
    with (
        pytest.raises(CheckpointError, match=r"cannot write .*\.lock"),
        rundir.lock(tmp_path / "file"),
    ):
        pass


def run_of(folder: Path, *overrides: str) -> tuple[Path, RunConfig]:
    """A folder with a run's config, of a YAML file of its own."""
    (folder / "my own.yaml").write_text("extends: maze/smoke\nalgo:\n  gamma: 0.9\n")
    (folder / "mine.yaml").write_text((folder / "my own.yaml").read_text())
    config = configs.load(str(folder / "mine.yaml"), [*overrides, f"runs_dir={folder}/a b=c"])
    config, run = rundir.create(config)
    rundir.write_config(run, config)
    return run, config


def test_what_to_resume_is_a_command_that_finds_the_run_or_its_group(tmp_path: Path) -> None:
    run, _ = run_of(tmp_path, "name=x=1")
    assert shlex.split(rundir.resume_command(run)) == ["chisel", "resume", str(run)]
    with pytest.raises(ConfigError, match="exists in") as refused:
        run_of(tmp_path, "name=x=1")
    assert rundir.resume_command(run) in str(refused.value)
    (run / "group.json").write_text("{}")
    seed = run / "seed-3"
    assert shlex.split(rundir.resume_command(seed)) == ["chisel", "resume", str(run)]


@pytest.mark.parametrize(
    "change",
    [
        ["algo.learning_rate=0.1"],
        ["seed=5", "frames=4096"],
        ["model.hidden=24"],
        ["env.timeout=77", "trainer.max_minutes=3"],
        ["name=other"],
        ["tracking.mode=offline", "tracking.tags=[a, b]", "algo.gamma=0.5"],
    ],
)
def test_the_new_run_that_resume_suggests_is_the_old_one_with_the_changes(
    change: list[str], tmp_path: Path
) -> None:
    run, old = run_of(tmp_path, "name=x", "env.timeout=50")
    before = (run / "config.yaml").read_bytes()
    with pytest.raises(ConfigError, match="start a new run") as refused:
        trainers.resume(run, change)
    assert (run / "config.yaml").read_bytes() == before
    (command,) = re.findall("`(.*)`", str(refused.value))
    program, train, experiment, *overrides = shlex.split(command)
    assert (program, train) == ("chisel", "train")
    changed = configs.override(old, change)
    name = changed.name if "name=other" in change else None
    start = None if "model.hidden=24" in change else str(run)
    assert configs.load(experiment, overrides) == replace(changed, name=name, init_from=start)


def test_a_refused_training_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "maze/other").mkdir(parents=True)
    config = configs.load("maze/smoke", [f"runs_dir={tmp_path}", "init_from=nowhere"])
    with pytest.raises(CheckpointError, match="there is no nowhere"):
        trainers.train(config)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["maze", "other"]
    with pytest.raises(CheckpointError, match="there is no nowhere"):
        trainers.train(replace(config, experiment="oversight/x"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["maze", "other"]
