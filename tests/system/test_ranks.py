"""Variables that launchers leave in a shell change nothing about a run of one process."""

import csv
import shutil

import pytest

from chisel import configs
from chisel.cli.main import main
from tests.system.conftest import SMOKE, identical

LEFT_BEHIND = {
    "RANK": "1",
    "LOCAL_RANK": "1",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "JSM_NAMESPACE_RANK": "1",
    "SLURM_NTASKS": "4",
    "SLURM_JOB_NAME": "train",
}


def test_training_and_resuming_under_them_give_the_bits_log_and_plan_of_a_run_without(
    chisel, finished, tmp_path
):
    out, _ = chisel("train", *SMOKE, "name=run", "env.num_threads=1", **LEFT_BEHIND)
    run = tmp_path / "runs/maze/smoke/run"
    assert out.split() == [str(run.relative_to(tmp_path))]
    assert identical(run, finished)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["maze"]
    chisel("resume", run, "frames=2304", RANK="1")
    assert configs.load(str(run / "config.yaml")).frames == 2304
    with (run / "metrics.csv").open() as file:
        assert [int(row["iteration"]) for row in csv.DictReader(file)] == list(range(1, 10))


MISFITS = {
    "torchrun, one device": ({"RANK": "0", "WORLD_SIZE": "2"}, []),
    "srun, one device": ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"}, []),
    "the second of them": ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, []),
    "a seed of a group": ({"RANK": "0", "WORLD_SIZE": "2"}, ["seed=0,1"]),
    "no number": ({"WORLD_SIZE": "two", "RANK": "0"}, []),
    "a batch script without srun": (
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"},
        ["trainer.devices=2"],
    ),
    "three of torchrun": (
        {"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "WORLD_SIZE": "3", "LOCAL_RANK": "0"},
        ["trainer.devices=2"],
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_ranks_that_do_not_fit_are_one_line_with_code_2_and_take_no_name(
    name, tmp_path, monkeypatch, capsys
):
    variables, settings = MISFITS[name]
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    code = main(["train", "maze/smoke", "name=run", f"runs_dir={tmp_path}", *settings])
    err = capsys.readouterr().err
    assert code == 2
    assert len(err.splitlines()) == 1, err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["torchrun, one device", "srun, one device"])
def test_ranks_that_do_not_fit_leave_a_run_that_is_resumed_as_it_is(
    name, finished, tmp_path, monkeypatch, capsys
):
    run = shutil.copytree(finished, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for variable, value in MISFITS[name][0].items():
        monkeypatch.setenv(variable, value)
    assert main(["resume", str(run), "frames=4096"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_rank_that_is_no_number_is_one_line_and_takes_no_name(chisel, tmp_path):
    _, err = chisel("train", *SMOKE, "name=run", code=2, RANK="")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
