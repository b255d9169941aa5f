"""Fast paths are compared with the plain one by pairs of trainings from the same seeds."""

from __future__ import annotations

import json

import pytest

from benchmarks import equivalence
from benchmarks.equivalence import ARMS, MARGIN, PLAIN, measure

TOY = ("env.levels.max_size=3", "model.channels=[2,2,2]", "frames=512", "trainer.accelerator=cpu")


def test_arms_train_in_turns_and_what_was_trained_so_far_is_on_disk(tmp_path):
    out = tmp_path / "found.json"
    found = measure([PLAIN, "device engine"], [7, 8], out, TOY)
    assert json.loads(out.read_text()) == found
    assert found["seeds"] == [7, 8]
    fast = found["arms"]["device engine"]
    pairs = zip(fast["values"], found["arms"][PLAIN]["values"], strict=True)
    means = [ours["curve"] - plain["curve"] for ours, plain in pairs]
    assert fast["difference"]["curve"]["mean"] == pytest.approx(sum(means) / 2)


def test_an_arm_like_the_plain_one_makes_no_difference(tmp_path, monkeypatch):
    monkeypatch.setitem(ARMS, "again", ARMS[PLAIN])
    found = measure([PLAIN, "again"], [3], tmp_path / "found.json", TOY)
    assert found["arms"]["again"]["difference"]["curve"]["mean"] == 0


@pytest.mark.parametrize(("spread", "equivalent"), [(0.01, True), (0.02, False)])
def test_arms_are_equivalent_when_students_interval_lies_within_the_margin(spread, equivalent):
    plain = [{"curve": 0.5, "end": 0.5}] * 3
    fast = [{"curve": 0.5 + d, "end": 0.5} for d in (0.02 - spread, 0.02, 0.02 + spread)]
    found = equivalence._difference(plain, fast)["curve"]
    half = 4.302653 * spread / 3**0.5  # t with 2 degrees of freedom
    assert found["interval"] == pytest.approx([0.02 - half, 0.02 + half], abs=1e-6)
    assert found["equivalent"] is equivalent is (0.02 + half < MARGIN)
