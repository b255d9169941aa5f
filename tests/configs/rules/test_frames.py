"""How far a run goes is said wherever it isn't what was asked for."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from chisel import configs
from chisel.cli.main import main
from chisel.configs import frames_note, rounded_frames


@given(frames=st.integers(1, 10**8), iteration=st.integers(1, 10**5))
def test_a_note_is_made_exactly_where_frames_are_no_whole_iterations(frames, iteration):
    note = rounded_frames(frames, iteration)
    done = max(1, frames // iteration) * iteration
    assert (note is None) == (done == frames)
    assert note is None or f"trains {done:,}," in note


def test_each_experiments_note_is_of_its_own_iterations():
    assert "57,344" in frames_note(configs.load("maze/quick", ["frames=60000"]))
    assert frames_note(configs.load("maze/smoke")) is None
    assert frames_note(configs.load("digits/halves", ["frames=60000"])) is None


def test_check_says_how_far_training_goes_once_and_apart_from_the_config(capsys):
    assert main(["check", "maze/smoke", "frames=700", "seed=0,1"]) == 0
    out, err = capsys.readouterr()
    assert err == (
        "note: frames = 700: trains 512, which is as many whole iterations of 256 as fit\n"
    )
    assert [one["frames"] for one in yaml.safe_load_all(out)] == [700, 700]
