"""A project with folders and files named like our rooms works beside us."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.house.rooms import ROOMS

FOLDERS = ("models", "envs", "configs", "analysis", "cli", "trainers", "tests")
FILES = ("routing", "utils", "impact", "corpora")

SCRIPT = """
import {folders}
import {files}
import chisel
from chisel import {rooms}
from chisel.envs import make
from chisel.models import Spaces

assert models.WHOSE == routing.WHOSE == "theirs"
config = chisel.load_config("oversight/ppo", ["frames=512", "env.num_envs=4",
    "algo.num_steps=32", "name=beside", "trainer.progress=false", "trainer.threads=1"])
run = chisel.train(config)
agent = chisel.load_agent(run)
print(type(agent.model).__module__, chisel.__name__, envs.WHOSE)
"""

NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "source": ["import envs, models\n", "import chisel\n"]},
        {"cell_type": "code", "source": ["from chisel import envs as worlds\n"]},
        {"cell_type": "code", "source": ["print(envs.WHOSE, worlds.make.__module__)\n"]},
    ]
}

CELLS = """
import json, sys
for cell in json.load(open("own.ipynb"))["cells"]:
    exec("".join(cell["source"]))
"""

WHERE = """
import chisel.trainers, sys
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "chisel"]
print(*(module.__file__ for module in ours))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's project."""
    folder = tmp_path_factory.mktemp("project")
    for name in FOLDERS:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("WHOSE = 'theirs'\n")
    for name in FILES:
        (folder / f"{name}.py").write_text("WHOSE = 'theirs'\n")
    ours = ", ".join(f"{room} as our_{room}" for room in ROOMS)
    script = SCRIPT.format(folders=", ".join(FOLDERS), files=", ".join(FILES), rooms=ours)
    (folder / "script.py").write_text(script)
    (folder / "own.ipynb").write_text(json.dumps(NOTEBOOK))
    return folder


def run(project: Path, *command: str, **variables: str) -> str:
    """What a command prints that is started in the project's folder, as its user would."""
    done = subprocess.run(
        command,
        cwd=project,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_trains_and_loads_beside_its_own_folders(project: Path) -> None:
    printed = run(project, sys.executable, "script.py")
    assert printed.split()[-3:] == ["chisel.models.actor_critic", "chisel", "theirs"]


def test_a_notebook_finds_its_own_folders_and_ours(project: Path) -> None:
    assert run(project, sys.executable, "-c", CELLS).split() == ["theirs", "chisel.envs.base"]


def test_the_command_runs_in_a_folder_with_such_names(project: Path) -> None:
    command = str(Path(sysconfig.get_path("scripts")) / "chisel")
    assert "maze/quick" in run(project, command, "list")
    assert "num_envs: 4" in run(project, command, "check", "oversight/ppo", "env.num_envs=4")


def test_the_command_runs_as_a_module_in_such_a_folder(project: Path) -> None:
    """With `python -m` the project's folder comes first on the path."""
    assert "maze/quick" in run(project, sys.executable, "-m", "chisel.cli.main", "list")


@pytest.mark.slow
def test_the_wheel_brings_one_name_and_works_beside_the_project(
    wheel: Path, project: Path, tmp_path: Path
) -> None:
    """What was unpacked is found before what is installed here, and everything comes from it."""
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".dist-info"] == ["chisel"]
    unpacked = str(tmp_path)
    found = run(project, sys.executable, "-c", WHERE, PYTHONPATH=unpacked).split()
    assert len(found) > 50
    assert not [file for file in found if not file.startswith(unpacked)]
    shutil.rmtree(project / "runs", ignore_errors=True)
    printed = run(project, sys.executable, "script.py", PYTHONPATH=unpacked)
    assert printed.split()[-3:] == ["chisel.models.actor_critic", "chisel", "theirs"]
    assert "maze/quick" in run(
        project, sys.executable, "-m", "chisel.cli.main", "list", PYTHONPATH=unpacked
    )
