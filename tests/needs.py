"""What tests need that is not installed everywhere."""

import importlib.util

import pytest

HAS_PROCGEN = importlib.util.find_spec("procgen") is not None
"""Told without importing procgen, which would print gym's notice."""

needs_procgen = pytest.mark.skipif(
    not HAS_PROCGEN, reason="needs procgen: pip install 'chisel-agents[procgen]'"
)
