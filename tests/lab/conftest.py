"""One shelf of agents and one answerer for each file of tests."""

import pytest

from chisel.lab.answers import Answerer
from tests.lab.talking import client, shelf


@pytest.fixture(scope="module")
def answerer():
    return Answerer(shelf())


@pytest.fixture(scope="module")
def server(answerer):
    """A client of the application, and the engine behind it."""
    found, engine = client(answerer)
    yield found
    engine.close()
