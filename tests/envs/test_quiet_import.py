"""procgen's import leaves no trace: no notice, no changed path, no early import."""

import subprocess
import sys

import pytest


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )


def test_importing_chisel_envs_imports_neither_procgen_nor_torch():
    done = run(
        "import sys, envs, envs.maze\n"
        "assert not {'procgen', 'gym3', 'gym', 'torch'} & set(sys.modules), sys.modules.keys()"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("procgen")
def test_making_mazes_prints_nothing_and_leaves_the_process_as_it_was():
    done = run(
        "import os, sys, warnings\n"
        "from chisel.configs.schema import MazeConfig\n"
        "from chisel.envs.maze import make_maze\n"
        "before = list(sys.path), dict(os.environ), list(warnings.filters)\n"
        "make_maze(MazeConfig(num_envs=2, engine='procgen'), seed=0).reset()\n"
        "assert (list(sys.path), dict(os.environ), list(warnings.filters)) == before\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_procgen_one_line_says_what_to_install():
    done = run(
        "import sys\n"
        "sys.modules['procgen'] = None\n"
        "from chisel.configs.errors import EnvironmentFault\n"
        "from chisel.configs.schema import MazeConfig\n"
        "from chisel.envs.maze import make_maze\n"
        "try:\n"
        "    make_maze(MazeConfig(num_envs=2, engine='procgen'), seed=0)\n"
        "except EnvironmentFault as fault:\n"
        "    print(fault)\n"
    )
    assert "pip install 'chisel-agents[procgen]'" in done.stdout
    assert done.stdout.count("\n") == 1


def test_without_procgen_mazes_are_played_shown_and_drawn():
    done = run(
        "import sys\n"
        "for name in ('procgen', 'gym3', 'gym'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np\n"
        "from chisel.configs.schema import MazeConfig\n"
        "from chisel.envs.maze import make_maze, observe_states, render\n"
        "flat = {'use_backgrounds': False, 'use_monochrome_assets': True}\n"
        "for config in (MazeConfig(observation='symbolic', num_envs=2, timeout=3),\n"
        "               MazeConfig(num_envs=2, timeout=3, **flat)):\n"
        "    env = make_maze(config, seed=0)\n"
        "    seen = env.reset(seed=0)[0]\n"
        "    ends = [env.step(np.full(2, 4))[2] for _ in range(3)]\n"
        "    assert np.all(ends[-1]), ends\n"
        "    states = env.maze_states()\n"
        "    assert observe_states(states, config).shape == seen.shape\n"
        "    assert render(states[0]).shape == (512, 512, 3)\n"
    )
    assert done.returncode == 0, done.stderr
