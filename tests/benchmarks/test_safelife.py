"""The harness runs end to end at toy size. No speed is asserted: machines are busy."""

from benchmarks import safelife


def test_every_contender_plays_in_every_turn():
    found = safelife.measure(toy=True, rounds=2)
    assert set(found["contenders"]) == set(safelife.CONTENDERS)
    for one in found["contenders"].values():
        assert len(one["turns"]) == 2
        assert one["per_cpu_s"] > 0
    for part in ("level_ms", "metric_ms"):
        assert all(one["mean"] > 0 for one in found[part].values())
