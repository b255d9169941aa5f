"""The harness runs end to end at toy size. No speed is asserted: machines are busy."""

from benchmarks import fields


def test_all_squares_of_a_maze_are_seen_and_led_to_in_every_turn():
    found = fields.measure(toy=True, rounds=2)
    seen, led = found["observations"], found["retarget"]
    assert seen["squares"] == 3 * 3 + 8  # a tree over nine rooms has eight doors
    assert led["targets"] == 16
    assert led["pairs"] >= 16
    assert (len(seen["turns"]), len(led["turns"])) == (2, 1)
    assert min(seen["cpu_s"], led["cpu_s"]) > 0
