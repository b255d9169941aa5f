"""The file that `make test-published PTH=…` names; without it there is nothing to test."""

from __future__ import annotations

import os

import pytest

from chisel.configs import CheckpointError
from chisel.models import Agent, load_agent

VARIABLE = "CHISEL_PUBLISHED_PTH"
EXPERIMENT = "maze/hard"
"""Where the published network plays."""


@pytest.fixture(scope="session")
def net() -> Agent:
    """The published network."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip("needs the published network: make test-published PTH=…")
    try:
        return load_agent(path, experiment_env=EXPERIMENT)
    except CheckpointError as error:
        # One line, instead of the same error for every test.
        pytest.exit(f"PTH: {str(error).splitlines()[0]}", returncode=2)
