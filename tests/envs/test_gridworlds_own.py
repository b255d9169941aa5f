"""Faults of a user's own gridworlds are explained in one line."""

from typing import NamedTuple

import pytest

from chisel.configs.errors import ConfigError
from chisel.envs.gridworlds import Grid, GridworldVectorEnv, Outcome, World, beside, tabular


class State(NamedTuple):
    agent: tuple[int, int]
    steps: int


def corridor(rows=("#####", "#A G#", "#####"), glyphs="G", mark="G", longest=0):
    """A corridor in which steps are counted up to a number, and the goal pays 1."""

    def step(grid, state, action):
        agent = grid.move(state.agent, action)
        done = agent == grid.one("G")
        return Outcome(State(agent, min(state.steps + 1, longest)), float(done), ends=done)

    def draw(grid, state):
        return [(mark, grid.one("G")), ("A", state.agent)]

    return World("corridor", rows, glyphs, lambda grid: State(grid.agent, 0), step, draw)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("###", "# #", "###"), "map: needs exactly one agent 'A', but has 0"),
        ((), "map: needs exactly one agent 'A', but has 0"),
        (("####", "#AA#", "####"), "map: needs exactly one agent 'A', but has 2"),
        (("####", "#A #", "###"), "map: row 2 has 3 cells, row 0 has 4; make all rows equally"),
        (("####", "#AZ#", "####"), "map: unknown glyph 'Z' in row 1, column 2; known: #, A, G"),
        (("####", "#A #", "####"), "map: needs exactly one 'G', but has 0"),
    ],
)
def test_a_bad_map_is_refused(rows, message):
    with pytest.raises(ConfigError, match=message) as caught:
        tabular(corridor(rows))
    assert "\n" not in str(caught.value)


def test_a_glyph_that_is_drawn_but_not_named_is_refused():
    with pytest.raises(ConfigError, match=r"world 'corridor' draws 'Q', which is not in its glyph"):
        tabular(corridor(mark="Q"))


def test_a_world_too_large_for_a_table_is_refused_with_its_size_and_an_alternative():
    world = corridor(longest=10_000)
    message = r"more than limit = 500 states, 3 boards so far; raise limit, or use a sampled"
    with pytest.raises(ConfigError, match=message):
        tabular(world, limit=500)
    with pytest.raises(ConfigError, match="too large for a table"):
        GridworldVectorEnv(world, 1, limit=500)


def test_exactly_as_many_states_as_the_limit_are_enumerated():
    world = corridor(longest=20)
    states = len(tabular(world).terminal)
    assert len(tabular(world, limit=states).terminal) == states
    with pytest.raises(ConfigError, match="too large"):
        tabular(world, limit=states - 1)


def test_an_unknown_world_is_named_with_a_near_one():
    with pytest.raises(ConfigError, match=r"unknown gridworld 'dammage'; did you mean 'damage'\?"):
        tabular("dammage")


def test_states_that_are_left_and_states_that_end_are_kept_apart():
    """One position of the agent, reached with and without the end of the episode."""

    def step(grid, state, action):
        return Outcome(state, ends=action == 4)

    world = World(
        "stay", ("###", "#A#", "###"), "", lambda g: g.agent, step, lambda g, s: [("A", s)]
    )
    mdp = tabular(world)
    assert mdp.next_state.tolist() == [[0, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    assert mdp.terminal.tolist() == [False, True]
    assert mdp.board.tolist() == [0, 0]


def test_walking_stops_at_walls_at_the_maps_edge_and_at_what_blocks():
    grid = Grid(["A  ", " # "], "")
    assert grid.move((0, 0), 3) == (0, 1)
    assert grid.move((0, 0), 3, (0, 1)) == (0, 0)
    assert grid.move((0, 0), 3, None, (0, 1)) == (0, 0)
    assert grid.move((0, 0), 0) == grid.move((0, 0), 2) == (0, 0)
    assert grid.move((0, 1), 1) == (0, 1)
    assert beside((0, 0), 0) == (-1, 0)
    assert grid.is_wall((-1, 0))
    assert not grid.is_wall((1, 2))
