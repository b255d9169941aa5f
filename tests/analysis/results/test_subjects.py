"""What tables and figures call the networks that they are about."""

from pathlib import Path

import pytest

from chisel.analysis.results import load_networks, name_of
from tests.analysis.conftest import make_run

AGENTS = Path(__file__).parents[3] / "agents"


@pytest.mark.parametrize("given", ["agents:maze-quick", AGENTS / "maze-quick/seed-0"])
def test_a_shipped_agent_is_called_by_its_name(given):
    subject = load_networks(given)
    assert name_of(subject.first) == subject.title == "maze-quick/seed-0"


def test_shipped_seeds_together_are_called_by_their_folder():
    assert load_networks("agents:maze-filtered").title == "maze-filtered, 3 seeds"


def test_a_run_is_called_by_its_experiment_and_its_number_of_seeds(tmp_path):
    for seed in (0, 1):
        make_run(tmp_path / f"seed-{seed}")
    assert load_networks(tmp_path / "seed-1").title == "maze/quick"
    assert load_networks(tmp_path).title == "maze/quick, 2 seeds"
