"""The numbers that the page shows are the library's."""

import copy
import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel.analysis.interventions import record
from chisel.analysis.maze import EditList, Ingredients, maze_policy, read_edits
from chisel.analysis.results import torch_threads
from chisel.configs import ChiselError, ConfigError
from chisel.envs.maze import MazeState, observe_states, split_of
from chisel.lab.answers import Answerer
from chisel.models import to_tensor
from tests.lab.talking import (
    LAYER,
    MAZE,
    PIXELS,
    PLAIN,
    ROUTED,
    answers,
    fields,
    one,
    session,
    shelf,
)

SIDE = 5
CLAMP = {"kind": "clamp", "site": LAYER, "channels": [3], "value": 4.0, "cells": [[0, 1]]}
VECTOR = {"kind": "add", "site": LAYER, "vector": {"make": "cheese", "maze": list(MAZE)}}
ABLATE = {"kind": "ablate", "region": "corner"}

boards = st.lists(st.sampled_from(".#"), min_size=SIDE**2, max_size=SIDE**2).flatmap(
    lambda cells: st.permutations(range(SIDE**2)).map(
        lambda order: with_things("".join(cells), order)
    )
)
edits = st.lists(
    st.one_of(
        st.builds(
            lambda site, channel, value: {
                "kind": "clamp",
                "site": site,
                "channels": [channel],
                "value": value,
            },
            st.sampled_from([LAYER, "embedder.block3", "embedder.fc"]),
            st.integers(0, 15),
            st.floats(-3, 3),
        ),
        st.builds(
            lambda site, factor, on: {"kind": "scale", "site": site, "factor": factor, "on": on},
            st.sampled_from(["embedder.block1.conv", "embedder.relufc", "embedder"]),
            st.floats(-1, 2),
            st.booleans(),
        ),
        st.builds(
            lambda strength, unit, control: (
                VECTOR | {"strength": strength, "unit": unit, "control": control}
            ),
            st.floats(-2, 2),
            st.sampled_from(["vector", "norm"]),
            st.booleans(),
        ),
    ),
    max_size=3,
)


def with_things(cells, order):
    """Put a mouse and a cheese into a board, as rows."""
    marked = list(cells)
    marked[order[0]], marked[order[1]] = "M", "C"
    return tuple("".join(marked[n : n + SIDE]) for n in range(0, SIDE**2, SIDE))


def library(agent, maze, plain, facing="left"):
    """What the library says, without the lab: policies without and with the edits."""
    config = agent.config.env
    state = MazeState.from_drawing("\n".join(maze), mode=config.mode)
    state.is_reflected = facing == "right"
    observe = functools.partial(observe_states, config=config)
    original = maze_policy(agent.outputs, state, observe, config)
    with EditList(Ingredients(agent), read_edits(plain))():
        return state, original, maze_policy(agent.outputs, state, observe, config)


def check(answerer, agent, name, maze, plain, facing="left"):
    found = answers(
        answerer, kind="show", rev=1, session=session((name, *plain), maze=maze, facing=facing)
    )
    state, original, edited = library(agent, maze, plain, facing)
    shown = fields(found)
    _, now = one(found, "now")
    pairs = [("", original)] + ([("edited_", edited)] if any(map(_is_on, plain)) else [])
    assert {f"{prefix}{kind}" for prefix, _ in pairs for kind in ("moves", "values")} == set(shown)
    for prefix, policy in pairs:
        field = policy.facing(facing)
        np.testing.assert_allclose(shown[f"{prefix}moves"], field.moves, atol=2e-6)
        np.testing.assert_allclose(shown[f"{prefix}values"], field.values, rtol=2e-5, atol=2e-5)
        row = field.at(state.mouse)
        np.testing.assert_allclose(now[f"{prefix}moves"][0], field.moves[row], atol=2e-6)
    head, _ = one(found, "solved")
    for name, policy in zip(("original", "edited"), (original, edited), strict=True):
        if head[name] is None:
            assert not any(map(_is_on, plain))
        elif state.open[-1, -1]:
            exact = policy.exact()
            for key in ("cheese", "corner", "neither", "length"):
                assert head[name][key] == pytest.approx(exact[key], rel=1e-4, abs=1e-5)
        else:
            assert "reason" in head[name]


def _is_on(plain):
    return plain.get("on", True)


@given(maze=boards, plain=edits)
@settings(max_examples=25)
def test_random_boards_and_edits_show_what_the_library_computes(answerer, maze, plain):
    if maze[0][-1] == "#":
        maze = (maze[0][:-1] + ".", *maze[1:])
    agent = answerer._shelf.open(PLAIN).agent
    check(answerer, agent, PLAIN, maze, plain)


EARLY = {"kind": "scale", "site": "embedder.block1.res1", "factor": 0.5}
"""An edit of a layer that is computed in boxes round the mouse."""


@pytest.mark.parametrize(
    ("facing", "plain"),
    [("left", [CLAMP, VECTOR | {"strength": -1}]), ("right", [VECTOR]), ("left", [EARLY])],
)
def test_an_agent_that_sees_pixels_shows_what_the_library_computes(answerer, facing, plain):
    agent = answerer._shelf.open(PIXELS).agent
    check(answerer, agent, PIXELS, MAZE, plain, facing)


@pytest.mark.parametrize("edit", [CLAMP, EARLY])
def test_two_threads_show_what_one_shows(edit):
    asked = {"kind": "show", "rev": 1, "session": session((PIXELS, edit))}
    found = []
    for threads in (1, 2):
        with torch_threads(threads):
            found.append(fields(answers(Answerer(shelf()), **asked)))
    for name, numbers in found[0].items():
        np.testing.assert_array_equal(found[1][name], numbers)


def test_an_edit_that_cannot_be_made_leaves_what_comes_after_right():
    """The network without edits runs at the same time, and ends before the refusal."""
    with torch_threads(2):
        answerer = Answerer(shelf())
    ill = CLAMP | {"channels": [99], "site": "embedder.block3"}
    with pytest.raises(ChiselError, match="out of range"):
        answers(answerer, kind="show", rev=1, session=session((PLAIN, ill)))
    check(answerer, answerer._shelf.open(PLAIN).agent, PLAIN, MAZE, [CLAMP])


@pytest.mark.parametrize("extra", [{}, {"mode": "mean"}, {"control": True, "seed": 3}])
def test_an_ablated_region_shows_what_the_library_computes(answerer, extra):
    agent = answerer._shelf.open(ROUTED).agent
    check(answerer, agent, ROUTED, MAZE, [ABLATE | extra])


def test_a_layer_is_what_the_network_computes_on_the_mouses_square(answerer):
    found = answers(
        answerer, kind="show", rev=1, session=session((PLAIN, CLAMP)), site="embedder.block3"
    )
    head, arrays = one(found, "now")
    agent = answerer._shelf.open(PLAIN).agent
    state = MazeState.from_drawing("\n".join(MAZE), mode="easy")
    obs = to_tensor(observe_states([state], agent.config.env))

    def layer():
        run = functools.partial(agent.outputs, obs)
        return record(agent.model, ["embedder.block3"], run)["embedder.block3"][0]

    assert head["site"] == "embedder.block3"
    np.testing.assert_allclose(arrays["layer"], layer(), atol=1e-6)
    with EditList(Ingredients(agent), read_edits([CLAMP]))():
        np.testing.assert_allclose(arrays["edited_layer"], layer(), atol=1e-6)


@pytest.mark.parametrize("site", ["embedder.block1.conv", LAYER, "embedder.fc"])
def test_a_layer_that_is_shown_changes_no_number(site):
    """The mouse's square is computed together with its layer."""
    asked = {"kind": "show", "rev": 1, "session": session((PLAIN, CLAMP, VECTOR))}
    with_layer, without = (
        fields(answers(Answerer(shelf()), site=one, **asked)) for one in (site, None)
    )
    for name, numbers in without.items():
        np.testing.assert_allclose(with_layer[name], numbers, atol=1e-6, rtol=1e-6)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
@settings(max_examples=10)
def test_any_sequence_of_sessions_ends_as_a_fresh_lab_begins(answerer, order):
    """Kept outputs and activations never leak from one session into another."""
    made = [
        session((PLAIN, *plain), maze=maze)
        for maze in (MAZE, ("..C", ".#.", "M.."))
        for plain in ([], [CLAMP], [{"kind": "scale", "site": "embedder.block1", "factor": 0.5}])
    ]
    for rev, number in enumerate(order):
        last = answers(answerer, kind="show", rev=rev, session=made[number])
    fresh = answers(Answerer(shelf()), kind="show", rev=0, session=made[order[-1]])
    for (head, arrays), (same_head, same) in zip(last, fresh, strict=True):
        assert head | {"rev": 0} == same_head
        assert set(arrays) == set(same)
        for name in arrays:
            np.testing.assert_array_equal(arrays[name], same[name])


def test_two_slots_are_two_networks_on_one_board(answerer):
    both = answers(answerer, kind="show", rev=1, session=session((PLAIN,), (PLAIN, CLAMP)))
    alone = answers(answerer, kind="show", rev=1, session=session((PLAIN, CLAMP)))
    np.testing.assert_array_equal(fields(both, 0)["moves"], fields(alone)["moves"])
    np.testing.assert_array_equal(fields(both, 1)["edited_moves"], fields(alone)["edited_moves"])
    assert "edited_moves" not in fields(both, 0)


def test_edits_that_are_off_do_nothing(answerer):
    off = [CLAMP | {"on": False}, VECTOR | {"on": False}]
    found = answers(answerer, kind="show", rev=1, session=session((PLAIN, *off)))
    assert "edited_moves" not in fields(found)


def test_a_board_is_marked_where_it_differs_from_training(answerer):
    head, _ = one(
        answers(
            answerer, kind="show", rev=1, session=session((PLAIN,), maze=("C..", "...", ".M."))
        ),
        "board",
    )
    words = " ".join(head["marks"])
    assert "one path between any two squares" in words
    assert "bottom left" in words
    assert head["cheese_path"] == [3]
    assert head["corner_path"] == 3


@pytest.mark.parametrize("source", ["train", "validation"])
def test_levels_are_of_the_split_asked_for(answerer, source):
    found = [
        answers(answerer, kind="level", id=n, agent=PLAIN, source=source, seed=n, size=9)[0][0]
        for n in range(4)
    ]
    mazes = [MazeState.from_drawing("\n".join(one["board"]["maze"])) for one in found]
    assert {split_of(maze.grid) for maze in mazes} == {source}
    assert {maze.maze_dim for maze in mazes} == {9}


def test_levels_of_the_test_split_stay_closed(answerer):
    refused = 0
    for seed in range(60):
        try:
            (head, _), *_ = answers(
                answerer, kind="level", id=1, agent=PIXELS, source="procgen", seed=seed
            )
        except ConfigError as error:
            refused += "test split" in str(error)
            continue
        state = MazeState.from_drawing("\n".join(head["board"]["maze"]))
        assert split_of(state.grid) != "test"
        assert head["board"]["level"] == seed
    assert refused


@pytest.mark.parametrize(
    ("slots", "words"),
    [
        ([("nobody",)], "no agent 'nobody' is offered"),
        ([("../../etc/passwd",)], "is offered"),
        ([(PLAIN, CLAMP | {"site": "embedder.block9"})], "no module 'embedder.block9'"),
        ([(PLAIN, CLAMP | {"channels": [99]})], "unit 99 is out of range"),
        ([(PLAIN, CLAMP | {"cells": [[9, 9]]})], "out of range"),
        ([(PLAIN, ABLATE)], "has no regions"),
        ([(PLAIN, VECTOR | {"vector": {"make": "file", "file": "no.safetensors"}})], "there is no"),
        ([(PLAIN, VECTOR | {"vector": {"make": "cheese", "levels": 9999}})], "1 to 64 mazes"),
        ([(PLAIN, VECTOR | {"vector": {"make": "top-right", "levels": 2}})], "observation=pixels"),
        ([(PLAIN,), (PLAIN,), (PLAIN,)], "one agent or two"),
        ([(PLAIN, *[CLAMP] * 65)], "at most 64"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(answerer, slots, words):
    with pytest.raises(ChiselError) as refused:
        answers(answerer, kind="show", rev=1, session=session(*slots))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("file", ["../seed-0/weights.safetensors", "/etc/passwd", ".."])
def test_files_of_vectors_are_read_beside_the_weights_alone(answerer, file):
    edit = VECTOR | {"vector": {"make": "file", "file": file}}
    with pytest.raises(ConfigError, match="a name without a folder"):
        answers(answerer, kind="show", rev=1, session=session((PLAIN, edit)))


def test_a_maze_larger_than_the_view_is_refused(answerer):
    rows = ("." * 10 + "C", *["." * 11] * 9, "M" + "." * 10)
    with pytest.raises(ConfigError, match="sees mazes up to 9×9"):
        answers(answerer, kind="show", rev=1, session=session((PLAIN,), maze=rows))


def test_a_session_of_other_weights_is_refused(answerer):
    asked = session((PLAIN,))
    asked["slots"][0]["digest"] = "0" * 64
    with pytest.raises(ConfigError, match="has other weights"):
        answers(answerer, kind="show", rev=1, session=asked)


@pytest.mark.parametrize("name", ["conv", "maxpool", "res1.conv1"])
def test_the_first_cell_of_a_layer_sees_the_rows_within_its_reach(answerer, name):
    """Its value changes if a pixel of such a row does; weights are all positive here."""
    offered = answerer._shelf.open(PLAIN)
    model = copy.deepcopy(offered.agent.model)
    for weight in model.parameters():
        weight.data.abs_()
    sites = {one["name"]: one for one in offered.facts["sites"]}
    place = f"embedder.block1.{name}"
    obs = torch.zeros(10, 3, 9, 9)
    for row in range(9):
        obs[row, :, row] = 1
    found = record(model, [place], lambda: model(obs))[place][:, :, 0, 0]
    changed = [row for row in range(9) if not torch.equal(found[row], found[9])]
    assert changed == list(range(sites[place]["reach"] + 1))
    assert sites["embedder.relu3"]["reach"] == sites["embedder.block3"]["reach"]
