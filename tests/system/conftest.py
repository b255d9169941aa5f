"""Whole runs as a user starts them: the command line in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from chisel import models
from chisel.cli.main import main
from tests import plugins
from tests.processes import Forked

DOCS = Path(__file__).parents[2] / "docs"

SMOKE = ["maze/smoke", "trainer.progress=false", "trainer.threads=1"]


def command_in(folder):
    """Run `chisel` in its own folder, with one thread, hash seed 1 and procgen's default.

    With variables it is a Python of its own, and otherwise a copy of one with the imports done.
    """

    def run(*arguments, wait=True, code=0, **environment):
        words = [*map(str, arguments)]
        settings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1"} | environment
        if environment:
            process = subprocess.Popen(
                [sys.executable, "-m", "chisel.cli.main", *words],
                cwd=folder,
                env=settings,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        else:
            process = Forked("-m chisel.cli.main", *words, cwd=folder, env=settings)
        if not wait:
            return process
        out, err = process.communicate(timeout=900)
        assert process.returncode == code, f"exit {process.returncode}, not {code}\n{out}\n{err}"
        return out, err

    return run


@pytest.fixture
def chisel(tmp_path):
    """Run `chisel ARGUMENTS` in the test's folder; `wait=False` returns the process."""
    return command_in(tmp_path)


def command_here(capsys):
    """Run `chisel` in this process and the current folder, which saves the imports."""

    def run(*arguments, code=0):
        found = main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        assert found == code, f"exit {found}, not {code}\n{out}\n{err}"
        return out, err

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """An undisturbed run of `maze/smoke`, to compare with; tests must not change it."""
    folder = tmp_path_factory.mktemp("finished")
    command_in(folder)("train", *SMOKE, "name=run", "env.num_threads=1")
    return folder / "runs/maze/smoke/run"


@pytest.fixture
def coin(tmp_path, monkeypatch):
    """The current folder, with the files of `docs/examples/coin`, installed as pip would."""
    shutil.copytree(DOCS / "examples/coin", tmp_path, dirs_exist_ok=True)
    points = (tmp_path / "pyproject.toml").read_text().split("[project.entry-points.")[1:]
    lines = (f"[{text}".replace('"', "") for text in points)
    plugins.install(tmp_path, "coin", "\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("coin", "coin.world"):
        sys.modules.pop(name, None)


def final(run):
    """Return the newest checkpoint's weights, and what else is equal in identical runs."""
    newest = models.latest_valid(Path(run) / "checkpoints", pytest.fail)
    payload = models.read_checkpoint(newest)
    ranks = payload["chisel"]["ranks"]
    return payload["state_dict"], payload["chisel"]["iteration"], ranks


def identical(one, two):
    weights_one, iteration_one, ranks_one = final(one)
    weights_two, iteration_two, ranks_two = final(two)
    assert iteration_one == iteration_two
    assert weights_one.keys() == weights_two.keys()
    return all(torch.equal(weights_one[k], weights_two[k]) for k in weights_one) and equal(
        ranks_one, ranks_two
    )


def equal(one, two):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(equal, one, two))
    return one == two
