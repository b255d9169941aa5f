"""The harness runs end to end at toy size. No speed is asserted: machines are busy."""

from benchmarks import power


def test_every_job_takes_its_turns_apart_from_other_processes_threads():
    found = power.measure_apart(toy=True, rounds=2)
    assert len(found) == 2 * len(power.GRIDS) + 2
    for one in found.values():
        assert len(one["turns"]) == 2
        assert one["wall_s"] > 0
