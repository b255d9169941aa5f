"""What every test may rely on: no network, no display, repeatable property tests."""

import os

import pytest
from hypothesis import settings

from tests.needs import HAS_PROCGEN

# Before torch, matplotlib or W&B are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

# Examples are the same on every run and machine, however slow it is.
settings.register_profile("chisel", deadline=None, derandomize=True, database=None)
settings.load_profile("chisel")


@pytest.fixture(scope="session")
def procgen() -> None:
    """Skip a test on machines where the procgen extra is not installed."""
    if not HAS_PROCGEN:
        pytest.skip("needs procgen: pip install 'chisel-agents[procgen]'")
