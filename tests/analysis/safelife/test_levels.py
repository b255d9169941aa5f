"""Generated levels have the reference's statistics, and random actions come to the same on them."""

import json

import numpy as np
import pytest

from chisel.analysis.safelife import levels as measures
from chisel.cli.main import main


@pytest.mark.slow
def test_all_means_are_within_three_standard_errors_of_the_references(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "safelife-levels", "out=found"]) == 0
    found = json.loads((tmp_path / "found" / "safelife-levels.json").read_text())
    rows = [*found["counts"], *found["random"]]
    assert len(rows) == 26 + 8
    assert [row for row in rows if abs(row["standard errors"]) > 3] == []


def test_every_task_of_the_reference_has_its_counts():
    counts = measures.count_levels("append-spawn", 2, seed=0)
    assert list(counts) == list(measures.COUNTS)
    assert all(len(values) == 2 for values in counts.values())
    assert {len(means) for means in measures.REFERENCE_COUNTS.values()} == {len(counts)}


def test_random_play_ends_every_episode_and_is_repeatable():
    first, again = (measures.act_randomly("prune-still-easy", 2, seed=1) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.shape == (2,)
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)


def test_a_difference_is_told_in_standard_errors_of_both():
    values = [1.0, 3.0, 1.0, 3.0]  # mean 2, standard error sqrt(4 / 3) / 2
    expected = (2 - 5) / np.hypot(np.sqrt(4 / 3) / 2, 0.5)
    assert measures.standard_errors_apart(values, 5.0, 0.5) == pytest.approx(expected)
