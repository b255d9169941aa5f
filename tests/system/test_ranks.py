"""Variables that launchers leave in a shell change nothing about a run of one process."""

import csv

import pytest

from chisel import configs, trainers
from chisel.configs import ConfigError
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


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_of_several_without_their_devices_is_refused_and_takes_no_name(
    rank, tmp_path, monkeypatch
):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    config = configs.load("maze/smoke", ["name=run", f"runs_dir={tmp_path}"])
    for train in (lambda: trainers.train(config), lambda: trainers.train_seeds([config])):
        with pytest.raises(ConfigError, match="2 processes"):
            train()
    assert not list(tmp_path.iterdir())


def test_a_rank_that_is_no_number_is_one_line_and_takes_no_name(chisel, tmp_path):
    _, err = chisel("train", *SMOKE, "name=run", code=2, RANK="")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
