"""What every test may rely on: no network, no display, repeatable property tests."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# Before torch, matplotlib or W&B are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

# Examples are the same on every run and machine, however slow it is.
settings.register_profile("chisel", deadline=None, derandomize=True, database=None)
settings.load_profile("chisel")


# Told without importing procgen, which would print gym's notice.
HAS_PROCGEN = importlib.util.find_spec("procgen") is not None


def _skip(*_: Any, **__: Any) -> None:
    pytest.skip("needs procgen: pip install 'chisel-agents[procgen]'")


@pytest.fixture(scope="session")
def procgen() -> None:
    """Skip a test that uses procgen in another process, where the extra is not installed."""
    if not HAS_PROCGEN:
        _skip()


@pytest.fixture(scope="session", autouse=True)
def _procgens_games() -> Iterator[None]:
    """Skip a test as soon as it needs procgen, where the extra is not installed.

    It does when it makes one of its games, or asks for its image files, for textured mazes.
    """
    if HAS_PROCGEN:
        yield
        return
    from chisel.envs.maze.native import textured
    from chisel.envs.maze.procgen_game import ProcgenMaze

    given_folder = textured.folder_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProcgenMaze, "__init__", _skip)
        patch.setattr(textured, "folder_of", lambda assets: given_folder(assets) or _skip())
        yield


@pytest.fixture
def papers() -> None:
    """Keep the PDF and SVG beside each picture, for tests that look at them."""


@pytest.fixture(autouse=True)
def _pictures_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the files for papers, which take most of a small study's time."""
    if "papers" not in request.fixturenames and (
        figures := sys.modules.get("chisel.analysis.results.figures")
    ):
        monkeypatch.setattr(figures, "FOR_PAPERS", ())
