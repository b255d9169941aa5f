"""Generated levels have the reference's statistics, and random actions come to the same on them."""

import json

import numpy as np
import pytest

from chisel.analysis.safelife import levels as measures
from chisel.cli.main import main
from chisel.configs import ConfigError
from chisel.envs.safelife import cells
from tests.envs.safelife_oracles import recorded

EPISODES = recorded()


def save(path, episode, **others):
    """Write what a recorded episode has about its level; None leaves an array out."""
    arrays = {
        "task": episode.task,
        "level_seed": episode.level_seed,
        "init_board": episode.initial,
        "init_goals": episode.goals,
    } | others
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.slow
def test_all_means_are_within_three_standard_errors_of_the_references(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "safelife-levels", "out=found"]) == 0
    found = json.loads((tmp_path / "found" / "safelife-levels.json").read_text())
    rows = [*found["counts"], *found["random"]]
    assert len(rows) == 26 + 8
    assert [row for row in rows if abs(row["standard errors"]) > 3] == []


class TestRecordedLevels:
    def test_they_are_generated_again_cell_by_cell(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        for episode in EPISODES:
            save(tmp_path / f"{episode.name}.npz", episode)
        few = ["levels=2", "episodes=2", "out=found"]
        assert main(["study", "safelife-levels", f"traces={tmp_path}", *few]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == "10 of 10 recorded levels are equal bit for bit"

    def test_a_cell_that_differs_counts_and_the_study_fails(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        board = EPISODES[0].initial.copy()
        board[board == cells.CRATE] = cells.WALL
        path = save(tmp_path / "a.npz", EPISODES[0], init_board=board)
        differing = np.count_nonzero(board != EPISODES[0].initial)
        assert measures.recorded_level(path)["differs"] == differing > 0
        few = ["levels=2", "episodes=2", "out=found"]
        assert main(["study", "safelife-levels", f"traces={tmp_path}", *few]) == 5
        assert "0 of 1 recorded levels" in capsys.readouterr().err

    @pytest.mark.parametrize("wrong", [{"task": "append"}, {"level_seed": -1}, {"task": None}])
    def test_what_cannot_be_generated_is_refused_in_one_line(self, tmp_path, wrong):
        with pytest.raises(ConfigError, match=r"a\.npz") as refused:
            measures.recorded_level(save(tmp_path / "a.npz", EPISODES[0], **wrong))
        assert "\n" not in str(refused.value)

    def test_an_empty_folder_is_refused(self, tmp_path, capsys):
        assert main(["study", "safelife-levels", f"traces={tmp_path}"]) == 2
        assert "no npz files" in capsys.readouterr().err


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
    assert measures.standard_errors_apart([1.0, 1.0], 5.0, 0.0) is None
