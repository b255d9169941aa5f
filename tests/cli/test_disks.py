"""Disks that refuse: one line and the documented exit code, before anything is played."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from chisel import models
from chisel.analysis.evaluation import evaluate
from chisel.analysis.results import make_folder, save_figure, write_gif, write_json
from chisel.configs import CheckpointError, ConfigError
from tests.cli.small import agent_of
from tests.processes import Forked

PROGRAM = """
import io, json, resource, sys
from contextlib import redirect_stderr, redirect_stdout
import joblib  # says something where it can make no semaphore, of no matter here
from chisel import trainers
from chisel.analysis import evaluation, studies
from chisel.cli.main import main

def make_evaluation(*given, **more):
    raise AssertionError("played before the disk was asked")

sys.modules["chisel.analysis.evaluation.held_out"].make_evaluation = make_evaluation
said = []
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    said.append((code, err.getvalue()))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What commands say where files may be made but no byte written into them."""
    folder = tmp_path_factory.mktemp("full")
    models.save_agent(folder / "agent", agent_of("maze/smoke"))
    (folder / "run").mkdir()
    (folder / "run/metrics.csv").write_text("iteration,env_steps,charts/success\n1,64,0.5\n")
    small = ["maze/smoke", "trainer.progress=false", "trainer.accelerator=cpu"]
    commands = {
        "eval": ["eval", "agent"],
        "eval out": ["eval", "agent", "out=elsewhere"],
        "compare": ["compare", "run"],
        "vector-field": ["study", "vector-field", "checkpoint=agent"],
        "cheese-vector": ["study", "cheese-vector", "checkpoint=agent"],
        "behaviour": ["study", "behaviour", "checkpoint=agent", "out=elsewhere"],
        "train": ["train", *small, "name=one"],
        "seeds": ["train", *small, "name=two", "seed=0,1"],
    }
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    process = Forked(f"-c {PROGRAM}", json.dumps(list(commands.values())), cwd=folder, env=env)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return folder, dict(zip(commands, json.loads(out), strict=True))


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("eval", 2),
        ("eval out", 2),
        ("compare", 2),
        ("vector-field", 2),
        ("cheese-vector", 2),
        ("behaviour", 2),
        ("train", 3),
        ("seeds", 3),
    ],
)
def test_a_full_disk_is_one_line_before_anything_is_played(
    command: str, code: int, full: tuple[Path, dict[str, Any]]
) -> None:
    got, said = full[1][command]
    (line,) = said.splitlines()
    assert (got, line.startswith("chisel: cannot write")) == (code, True), line
    assert "File too large" in line
    assert ("out=FOLDER" in line) == (code == 2)


def test_nothing_half_written_is_left_of_what_a_disk_refused(
    full: tuple[Path, dict[str, Any]],
) -> None:
    written = [file for file in full[0].rglob("*") if file.is_file()]
    kept = {"metrics.csv", "weights.safetensors", "config.yaml", "agent.json"}
    assert {file.name for file in written} <= kept
    assert list((full[0] / "runs").iterdir()) == []  # names stay free


def test_results_whose_folder_cannot_be_made_are_refused_before_anything_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held_out(*given: Any, **more: Any) -> None:
        raise AssertionError("played before the disk was asked")

    monkeypatch.setattr("chisel.analysis.evaluation.maze.held_out", held_out)
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=r"cannot write in .*out=FOLDER"):
            evaluate(agent_of("maze/smoke"), out=out)
    assert (tmp_path / "file").read_text() == ""


def test_checking_a_folder_leaves_nothing_in_it(tmp_path: Path) -> None:
    assert list(make_folder(tmp_path / "a" / "b").iterdir()) == []


def _json(path: Path) -> None:
    write_json(path, {"a": 1})


def _figure(path: Path) -> None:
    from matplotlib.figure import Figure

    save_figure(Figure(), path, "here", paper=False)


def _film(path: Path) -> None:
    import numpy as np

    write_gif(path, np.zeros((2, 4, 4, 3), np.uint8), 5)


@pytest.mark.parametrize("write", [_json, _figure, _film])
def test_a_result_is_written_whole_or_the_older_one_stays(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "result"
    write(file)
    whole = file.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot write .*No space left"):
        write(file)
    assert file.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [file]
