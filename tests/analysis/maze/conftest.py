"""An agent whose network is known."""

import pytest

from tests.analysis.maze.cheese_seeker import cheese_seeker


@pytest.fixture(scope="module")
def seeker():
    """One for each file of tests."""
    return cheese_seeker()
