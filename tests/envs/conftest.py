"""Fixtures of the environments' tests."""

import importlib.util

import pytest


@pytest.fixture(scope="session")
def procgen() -> None:
    """Skip a test on machines where the procgen extra is not installed."""
    if importlib.util.find_spec("procgen") is None:
        pytest.skip("needs procgen: pip install 'chisel-agents[procgen]'")
