"""Studies while a run trains: what is logged, and that training stays the same to the bit."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chisel import configs, models, trainers
from chisel.analysis.maze.behaviour import MEASURES
from chisel.configs import ConfigError
from chisel.configs.schema import STUDIES_WHILE_TRAINING
from chisel.models import load_agent
from tests.trainers.logging import wandb_file
from tests.trainers.logging.wandb_play import segments

SMOKE = ("trainer.progress=false", "trainer.threads=1", "trainer.accelerator=cpu")
STUDIES = ("tracking.studies=[success,cheese-vector]", "tracking.studies_levels=8")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def trained(folder: Path, *overrides: str, frames: int = 768) -> tuple[Path, Any]:
    """A run of one iteration for 256 frames, and what the global generators give after it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # the global state is what is looked at
    torch.manual_seed(0)
    given = [*SMOKE, f"runs_dir={folder}", "name=a", f"frames={frames}", *overrides]
    run = trainers.train(configs.load("maze/smoke", given))
    drawn = (random.random(), np.random.random(), torch.rand(()).item())  # noqa: NPY002
    return run, drawn


def same_weights(one: Path, other: Path) -> bool:
    first, second = (models.read_checkpoint(path)["state_dict"] for path in (one, other))
    return all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("studied")
    offline = "tracking.mode=offline"
    return trained(folder, *STUDIES, "tracking.studies_every=2", offline)


def test_a_run_ends_with_the_same_bits_with_and_without_studies(
    studied: tuple[Path, Any], tmp_path: Path
) -> None:
    alone, drawn = trained(tmp_path)
    last = Path("checkpoints") / "iter-00000003.ckpt"
    assert same_weights(alone / last, studied[0] / last)
    assert drawn == studied[1]
    assert not (alone / "studies.csv").exists()


def test_what_is_logged_is_what_the_study_finds_on_the_checkpoint(
    studied: tuple[Path, Any],
) -> None:
    rows = rows_of(studied[0] / "studies.csv")
    assert [row["iteration"] for row in rows] == ["2"]
    agent = load_agent(studied[0] / "checkpoints" / "iter-00000002.ckpt")
    for name in ("success", "cheese-vector"):
        curves = MEASURES[name][1](agent, agent.config, 8, "validation")  # type: ignore[arg-type]  # it has one
        for curve, estimate in curves.items():
            assert float(rows[-1][f"studies/{name}/{curve}"]) == estimate.value


def test_wandb_gets_the_studies_in_the_row_of_their_iteration(studied: tuple[Path, Any]) -> None:
    (file,) = segments(studied[0])
    rows = wandb_file.history(file)
    assert [row["_step"] for row in rows] == [1, 2, 3]
    have = ["studies/cheese-vector/vector" in row for row in rows]
    assert have == [False, True, False]
    assert rows[1]["env_steps"] == 512


def test_a_resumed_run_repeats_no_row(tmp_path: Path) -> None:
    options = ("tracking.studies=[success]", "tracking.studies_levels=4")
    run, _ = trained(tmp_path, *options, "tracking.studies_every=1", frames=256)
    trainers.resume(run, ["frames=512"])
    assert [row["iteration"] for row in rows_of(run / "studies.csv")] == ["1", "2"]


def test_what_cannot_be_measured_ends_the_run_before_it_trains(tmp_path: Path) -> None:
    small = ("env.region=5", "tracking.studies=[p-cheese]", "tracking.studies_levels=4")
    with pytest.raises(ConfigError, match="none of 4 levels has its cheese outside"):
        trained(tmp_path, *small, "tracking.studies_every=9")
    assert not list(tmp_path.glob("**/*.ckpt"))


def test_the_schema_names_the_measures_that_there_are() -> None:
    assert set(STUDIES_WHILE_TRAINING) == set(MEASURES)


@pytest.mark.parametrize(
    ("experiment", "overrides", "complaint"),
    [
        ("maze/quick", ["tracking.studies=[success]"], r"needs tracking\.studies_every"),
        ("maze/quick", ["tracking.studies_every=5"], r"no effect without tracking\.studies"),
        (
            "maze/quick",
            ["tracking.studies=[succes]", "tracking.studies_every=5"],
            "did you mean 'success'",
        ),
        (
            "gridworld/ppo",
            ["tracking.studies=[success]", "tracking.studies_every=5"],
            "maze agents, not 'gridworld'",
        ),
        ("maze/quick", ["tracking.studies_levels=0"], "at least 1"),
    ],
)
def test_impossible_options_are_one_line(
    experiment: str, overrides: list[str], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint) as error:
        configs.load(experiment, overrides)
    assert "\n" not in str(error.value)
