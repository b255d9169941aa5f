"""Messages are read exactly, and frames survive their own reading."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from chisel.analysis.results import plain
from chisel.configs import ConfigError
from chisel.lab.protocol import Ping, Show, frame, read_request
from chisel.lab.session import Session, is_perfect, read_session
from tests.lab.frames import read_frame
from tests.lab.talking import LAYER, PLAIN, session

named = st.dictionaries(
    st.text("abc", min_size=1),
    st.sampled_from([np.float32, np.int32, np.uint8]).flatmap(
        lambda kind: arrays.arrays(
            kind,
            arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
            elements={"allow_nan": False} if kind is np.float32 else None,
        )
    ),
)


@given(named, st.dictionaries(st.text("xyzü", min_size=1), st.text() | st.integers(), max_size=3))
def test_a_frame_is_read_back(parts, head):
    data = frame("kind", parts, **head)
    found, back = read_frame(data)
    assert found == {"kind": "kind"} | head
    assert set(back) == set(parts)
    for name, one in parts.items():
        assert back[name].dtype == one.dtype
        np.testing.assert_array_equal(back[name], one)
    assert len(data) % 8 == 0


def test_what_is_not_finite_is_null_in_a_head():
    assert read_frame(frame("x", a=float("nan")))[0]["a"] is None


def test_a_message_is_read_into_its_type():
    assert read_request('{"kind": "ping", "id": 3}') == Ping("ping", 3)
    edit = {"kind": "clamp", "site": LAYER, "channels": [1], "value": 2, "cells": None}
    message = {"kind": "show", "rev": 1, "session": session((PLAIN, edit)), "site": None}
    request = read_request(json.dumps(message))
    assert isinstance(request, Show)
    assert request.session.slots[0].edits[0].value == 2.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rev": True}, "rev: True is not a whole number"),
        ({"site": 3}, "site"),
        ({"sites": "x"}, "sites: unknown; did you mean 'site'?"),
    ],
)
def test_a_message_with_a_wrong_field_names_it(change, words):
    message = {"kind": "show", "rev": 1, "session": session((PLAIN,)), "site": None}
    with pytest.raises(ConfigError) as refused:
        read_request(json.dumps(message | change))
    assert words in str(refused.value)


def test_a_saved_session_is_read_back(tmp_path):
    edit = {"kind": "add", "site": LAYER, "vector": {"make": "cheese", "levels": 3}}
    request = read_request(
        json.dumps({"kind": "show", "rev": 1, "session": session((PLAIN, edit))})
    )
    file = tmp_path / "session.json"
    file.write_text(json.dumps(plain(request.session)))
    assert read_session(file) == request.session
    assert isinstance(read_session(file), Session)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 9, "board": {"maze": ["M"]}}'])
def test_a_file_that_is_no_session_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "session.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_session(file)
    assert "\n" not in str(refused.value)


def test_procgens_own_walls_are_perfect_and_one_door_more_is_not():
    from chisel.envs.maze import LevelSetRecipe, build_level_set
    from chisel.envs.maze.rules import Look

    found = build_level_set(LevelSetRecipe(Look(), 20, (5, 9, 15)), 1)
    for index in range(20):
        cells = found.inner(index) != 51
        assert is_perfect(cells)
        doors = [(r, c) for r, c in np.argwhere(~cells) if (r + c) % 2]
        cells[tuple(doors[index % len(doors)])] = True
        assert not is_perfect(cells)
