"""The harness runs end to end at toy size. No speed is asserted: machines are busy."""

import math

import pytest

from benchmarks import routing_overhead


@pytest.mark.slow
def test_all_networks_and_forms_are_compared_with_both_allocators():
    found = routing_overhead.measure_apart(toy=True, rounds=2)
    assert set(found) == {"default", "keeping"}
    networks = [one for by_network in found.values() for one in by_network.values()]
    assert len(networks) == 6
    for one in networks:
        assert {name: len(made) for name, made in one["turns"].items()} == {
            "plain": 2,
            "activations": 2,
            "parameters": 2,
        }
        for spent in one["overhead"].values():
            assert all(math.isfinite(spent[key]["median"]) for key in ("wall_s", "cpu_s"))
