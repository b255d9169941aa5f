"""A grid whose runs are trained in this process says which one it is at."""

from pathlib import Path

import pytest

from chisel.configs import RunConfig, TrainerConfig
from chisel.trainers.runs import groups
from chisel.trainers.runs.members import Member


@pytest.mark.parametrize("progress", [True, False])
def test_each_run_is_named_before_it_is_trained(monkeypatch, capsys, progress):
    config = RunConfig(trainer=TrainerConfig(progress=progress))
    members = [Member(f"seed-{seed}", Path(f"seed-{seed}"), config) for seed in (0, 1)]
    said = []

    def train(one):
        said.append((one.name, capsys.readouterr().err))

    monkeypatch.setattr(groups, "_train", train)
    outcomes = [outcome.code for _, outcome in groups._launched(members, members, None)]
    assert outcomes == [0, 0]
    lines = ["run 1 of 2: seed-0\n", "run 2 of 2: seed-1\n"] if progress else ["", ""]
    assert said == [("seed-0", lines[0]), ("seed-1", lines[1])]
