"""W&B's environment variables, and what a run leaves in the process that trained it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from chisel import trainers
from chisel.configs import ConfigError, load_grid
from chisel.trainers.logging.wandb_environment import check_mode
from tests.processes import Forked
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
    if "group" in folder:
        Path(folder, "../group.json").touch()
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
    ours |= {"WANDB_BASE_URL": "http://127.0.0.1:9", "OMP_NUM_THREADS": "1"}
    process = Forked(f"-c {PROGRAM}", cwd=folder, env=clean | ours)
    out, err = process.communicate(PATIENCE)
    assert (process.returncode, err) == (0, "")
    return folder, json.loads(out)


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


ONLINE, OFFLINE = ("online", "run", "Online"), ("offline", "dryrun", "DRYRUN")


@pytest.mark.parametrize("mode", ["offline", "online", "disabled"])
@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, None),
        ({"WANDB_MODE": ""}, None),
        *(({"WANDB_MODE": value}, "online") for value in ONLINE),
        *(({"WANDB_MODE": value}, "offline") for value in OFFLINE),
        ({"WANDB_MODE": "disabled"}, "disabled"),
        ({"WANDB_DISABLED": "true"}, "disabled"),
        ({"WANDB_MODE": "disabled", "WANDB_DISABLED": "1"}, "disabled"),
        ({"WANDB_DISABLED": "false"}, None),
    ],
)
def test_a_variable_that_contradicts_the_config_is_refused_with_both_ways_out(
    variables: dict[str, str], asked: str | None, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, variables)
    if asked in (None, mode) or (asked, mode) == ("offline", "disabled"):
        check_mode(mode)
        return
    name = next(iter(variables))
    way_out = f"{name}={variables[name]} contradicts tracking.mode={mode}: unset it, or set "
    with pytest.raises(ConfigError, match=f"{way_out}tracking.mode={asked}$"):
        check_mode(mode)


@pytest.mark.parametrize("mode", ["offline", "online", "disabled"])
def test_two_variables_that_contradict_each_other_are_refused_in_every_mode(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, {"WANDB_MODE": "online", "WANDB_DISABLED": "true"})
    with pytest.raises(ConfigError, match="contradicts"):
        check_mode(mode)


@pytest.mark.parametrize("value", ["shared", "of-line"])
@pytest.mark.parametrize("mode", ["offline", "online", "disabled"])
def test_a_mode_that_there_is_not_is_refused(
    value: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, {"WANDB_MODE": value})
    with pytest.raises(ConfigError, match=f"WANDB_MODE={value}: Chisel knows online, .*unset it"):
        check_mode(mode)


def test_a_contradiction_is_refused_before_a_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variables(monkeypatch, {"WANDB_MODE": "online"})
    for seeds in ("seed=0", "seed=0,1"):
        runs = load_grid("maze/smoke", [f"runs_dir={tmp_path}", "name=mine", seeds]).runs
        with pytest.raises(ConfigError, match=r"unset it, or set tracking\.mode=online"):
            trainers.train_grid(runs) if len(runs) > 1 else trainers.train(*runs.values())
        assert not list(tmp_path.glob("**/mine"))


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Set W&B's variables for the mode, and no others."""
    for name in ("WANDB_MODE", "WANDB_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
