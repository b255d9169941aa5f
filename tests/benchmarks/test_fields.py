"""The harness runs end to end at toy size. No speed is asserted: machines are busy."""

import importlib.util

import pytest

from benchmarks import fields

if importlib.util.find_spec("procgen") is None:
    pytest.skip("the procgen extra is not installed", allow_module_level=True)


def test_all_squares_of_a_maze_are_seen_in_every_turn():
    found = fields.measure(toy=True, rounds=2)
    assert found["squares"] == 3 * 3 + 8  # a tree over nine rooms has eight doors
    assert len(found["turns"]) == 2
    assert found["cpu_s"] > 0
