"""`chisel study safelife-replay` finds every difference, and stops at no damaged file."""

import json
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from chisel.analysis.safelife import read_trace, replay
from chisel.cli.main import main
from chisel.configs import ConfigError
from chisel.envs.safelife import cells

RECORDED = Path(__file__).parent / "traces"
"""The reference's episodes, cut to 44 and 40 steps: one ends at the exit, one has spawners, one is
of 1.2. Side effects of the cut ones are our own."""
LEFT = RECORDED / "prune-left.npz"


def changed(path, **arrays):
    """A copy of a trace with other arrays; None leaves one out."""
    with np.load(LEFT) as file:
        whole = dict(file) | arrays
    np.savez(path, **{name: array for name, array in whole.items() if array is not None})
    return path


def recorded(name):
    with np.load(LEFT) as file:
        return file[name]


def test_recorded_episodes_are_replayed_exactly(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "safelife-replay", f"traces={RECORDED}", "out=found"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "3 of 3 traces replayed exactly"
    found = json.loads((tmp_path / "found" / "safelife-replay.json").read_text())
    assert [row["trace"] for row in found["traces"]] == sorted(
        path.name for path in RECORDED.iterdir()
    )
    assert all(row["metric"] < 1e-9 for row in found["traces"])
    ended = read_trace(LEFT)
    assert ended.arrays["done"][-1]
    assert not ended.arrays["times_up"][-1]


@pytest.mark.parametrize(
    ("name", "row", "aspect"),
    [
        ("boards", 7, "boards"),
        ("goals", 0, "boards"),
        ("rewards", 9, "rewards"),
        ("points", 3, "rewards"),
        ("perf", 0, "rewards"),
        ("done", 20, "dones"),
        ("times_up", 4, "dones"),
        ("agent_rc", 11, "positions"),
        ("orientation", 5, "positions"),
        ("obs", 30, "observations"),
        ("can_exit", 43, "exits"),
        ("n_rng_draws", 2, "draws"),
    ],
)
def test_each_kind_of_difference_is_found_at_its_step(tmp_path, name, row, aspect):
    array = recorded(name).copy()
    array[row] = ~array[row] if array.dtype == bool else array[row] + 1
    found = replay(read_trace(changed(tmp_path / "a.npz", **{name: array})))
    assert found.differs == {aspect: 1 if name == "goals" else row + 1}
    assert not found.exact
    assert found.problem.startswith(f"{aspect} differ from step ")


@pytest.mark.parametrize("name", ["reset_board", "init_agent_rc", "obs0", "init_points"])
def test_a_start_that_differs_is_step_0(tmp_path, name):
    found = replay(read_trace(changed(tmp_path / "a.npz", **{name: recorded(name) + 1})))
    assert set(found.differs.values()) == {0}
    assert "from the start on" in found.problem


@pytest.mark.parametrize("name", ["se_values", "se_inaction_total", "se_keys", "green_emd"])
def test_other_side_effects_are_a_difference(tmp_path, name):
    wrong = recorded(name) + 1
    found = replay(read_trace(changed(tmp_path / "a.npz", **{name: wrong})))
    assert not found.differs
    assert found.metric > 0.5
    assert "metric" in found.problem
    nothing = np.full(recorded(name).shape, np.nan)
    if name != "se_keys":
        assert not replay(read_trace(changed(tmp_path / "a.npz", **{name: nothing}))).exact


BOARD = np.zeros((26, 26), np.uint16)
PAIR = BOARD.copy()
PAIR[0, :2] = cells.PLAYER


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"boards": None}, "has no array 'boards'"),
        ({"version": "v999"}, "of version 'v999'"),
        ({"init_board": BOARD}, "0 agents"),
        ({"init_board": PAIR}, "2 agents"),
        ({"init_board": BOARD[:2]}, "2x26"),
        ({"boards": recorded("boards")[:9]}, "boards is"),
        ({"obs": recorded("obs")[:, :9]}, "obs is"),
        ({"obs": recorded("obs").astype(int)}, "packed bits"),
        ({"actions": recorded("actions") + 1}, "actions must be whole numbers 0…8"),
        ({"actions": recorded("actions").astype(str)}, "no numbers"),
        ({"goals": recorded("goals")[:, :3]}, "goals are"),
        ({"dyn_seed": np.array(-1)}, "dyn_seed must be whole"),
        ({"se_rng_seeds": np.array([0.5])}, "se_rng_seeds must be whole"),
        ({"init_orientation": np.array(4)}, "init_orientation must be whole"),
        ({"spawn_prob": np.array(0.5)}, "only 0.3"),
        ({"min_performance": np.zeros(2)}, "must be one number"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else None,
)
def test_what_is_no_trace_is_refused_in_one_line(tmp_path, arrays, complaint):
    with pytest.raises(ConfigError, match=complaint) as refused:
        read_trace(changed(tmp_path / "a.npz", **arrays))
    assert "\n" not in str(refused.value)


def test_damaged_and_differing_traces_have_a_line_each_and_the_others_are_replayed(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "traces"
    folder.mkdir()
    copy(LEFT, folder / "a.npz")
    (folder / "b.npz").write_bytes(LEFT.read_bytes()[:5000])
    changed(folder / "c.npz", rewards=recorded("rewards") + 1)
    assert main(["study", "safelife-replay", "traces=traces"]) == 5
    out, error = capsys.readouterr()
    lines = out.splitlines()
    assert lines[-1] == "1 of 3 traces replayed exactly"
    assert lines[-2] == "c.npz: rewards differ from step 1 on"
    assert lines[-3].startswith("b.npz: damaged")
    assert error.splitlines()[-1].startswith("chisel: 2 of 3 traces differ: b.npz: damaged")


@pytest.mark.parametrize("traces", ["nowhere", "."])
def test_a_folder_without_traces_is_refused(tmp_path, monkeypatch, capsys, traces):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "safelife-replay", f"traces={traces}"]) == 2
    assert "there are no npz files" in capsys.readouterr().err
