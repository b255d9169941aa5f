"""W&B's environment variables, and what a run leaves in the process that trained it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chisel.configs import RunConfig, TrackingConfig
from chisel.trainers.logging.tracking import make_loggers
from tests.trainers.logging import wandb_file
from tests.trainers.logging.wandb_play import PATIENCE, segments

PROGRAM = """
import json, os, sys, threading
from pathlib import Path
from chisel.configs import ImpalaConfig, MazeConfig, PPOConfig, RunConfig, TrackingConfig
from chisel.trainers.logging.tracking import make_loggers

def traces():
    names = sorted(thread.name for thread in threading.enumerate())
    variables = {key: value for key, value in os.environ.items() if key != "WANDB_SWEEP_ID"}
    return names, variables, repr(sys.excepthook), repr(sys.exit)

def run(folder):
    Path(folder).mkdir(parents=True)
    tracking = make_loggers(config, Path(folder), warn=print)
    tracking.log({"x": 1.0}, 1, 64)
    tracking.finish()

config = RunConfig(
    experiment="maze/quick", env=MazeConfig(), model=ImpalaConfig(), algo=PPOConfig(),
    tracking=TrackingConfig(mode="offline"),
)
before = traces()
for sweep in ("", "sweep"):
    if sweep:
        os.environ["WANDB_SWEEP_ID"] = sweep
    for name in ("group/seed-0", "group/seed-1") if sweep else ("lone", "group/seed-0"):
        run(f"runs{sweep}/{name}")
        after = traces()
        assert after == before, (before, after)
del os.environ["WANDB_SWEEP_ID"]
import wandb

quiet = wandb.Settings(silent=True, mode="offline")
theirs = wandb.init(id="theirs", project="x", dir=".", settings=quiet)
before = traces()
run("runs/beside")
assert traces() == before
theirs.log({"y": 1.0})
theirs.finish()
print(json.dumps("left nothing"))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Runs under one `WANDB_RUN_ID`, with and without a sweep, in one process."""
    folder = tmp_path_factory.mktemp("recorded")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    ours = {"HOME": str(folder), "WANDB_RUN_ID": "mine"}
    ours |= {"WANDB_ENTITY": "us", "WANDB_PROJECT": "other", "WANDB_NAME": "other"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=clean | ours | {"WANDB_BASE_URL": "http://127.0.0.1:9", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder, json.loads(done.stdout)


def test_an_id_from_outside_names_a_lone_run_and_each_of_several_seeds_has_its_own(
    recorded: tuple[Path, Any],
) -> None:
    wanted = {"runs/lone": "mine", "runs/group/seed-0": "mine-seed-0"}
    wanted |= {f"runssweep/group/seed-{n}": f"mine-seed-{n}" for n in (0, 1)}
    found = {name: wandb_file.run_of(*segments(recorded[0] / name)).run_id for name in wanted}
    assert found == wanted


def test_the_config_names_the_project_and_the_run_and_leaves_the_entity_open(
    recorded: tuple[Path, Any],
) -> None:
    run = wandb_file.run_of(segments(recorded[0] / "runs" / "lone")[0])
    assert (run.project, run.display_name, run.entity) == ("chisel", "lone", "us")


def test_a_run_that_somebody_has_open_goes_on_beside_ours(recorded: tuple[Path, Any]) -> None:
    (theirs,) = (recorded[0] / "wandb").glob("offline-run-*-theirs/run-theirs.wandb")
    assert [row["y"] for row in wandb_file.history(theirs)] == [1.0]
    (ours,) = segments(recorded[0] / "runs" / "beside")
    assert [row["x"] for row in wandb_file.history(ours)] == [1.0]


def test_a_run_leaves_no_hook_no_variable_and_no_thread_behind(recorded: tuple[Path, Any]) -> None:
    assert recorded[1] == "left nothing"


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({"WANDB_MODE": "disabled"}, "disabled"),
        ({"WANDB_MODE": "offline"}, None),  # nothing is sent either way
        ({"WANDB_MODE": "dryrun"}, None),
        ({"WANDB_MODE": "online"}, "online"),
        ({"WANDB_MODE": "run"}, "online"),
        ({"WANDB_DISABLED": "true"}, "disabled"),
        ({"WANDB_DISABLED": "false"}, None),
        ({"WANDB_DISABLED": "1", "WANDB_MODE": "online"}, "disabled"),
        ({}, None),
    ],
)
def test_the_config_decides_and_says_so_where_a_variable_asks_for_something_else(
    variables: dict[str, str],
    asked: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("WANDB_MODE", "WANDB_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    warnings: list[str] = []
    config = RunConfig(tracking=TrackingConfig(mode="disabled"))
    make_loggers(config, tmp_path, warn=warnings.append)
    contradicted = asked not in (None, "disabled")
    assert [f"set tracking.mode={asked}" in line for line in warnings] == [True] * contradicted
    assert not (tmp_path / "wandb").exists()
