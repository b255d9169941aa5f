"""Each world's table has the size, the outcomes and the plans that the published code has."""

import itertools

import numpy as np
import pytest

from chisel.envs.gridworlds import ACTIONS, WORLDS, tabular

SIZES = {
    "options": (60, 6, 60),
    "damage": (56, 5, 45),
    "correction": (18, 5, 14),
    "offset": (415, 0, 370),
    "interference": (64, 3, 46),
    "vase": (23, 2, 23),
    "burning": (19, 2, 19),
    "burning-fire": (19, 2, 19),
    "conveyor-sushi": (415, 0, 370),
    "options-endless": (60, 0, 60),
    "damage-endless": (67, 0, 67),
    # Ours, counted by hand: 80 with the vase, 94 without, which look alike in pairs.
    "ways": (80 + 94, 12, 80 + 47),
}
"""Full states, terminal ones and distinct boards, measured on the published code."""

FOUR = {(0, -2), (0, 0), (1, -1), (1, 1)}
OUTCOMES = {
    "options": FOUR,
    "damage": FOUR,
    "correction": {(0, -2), (0, 0), (1, -1)},
    "offset": {(0, 0), (1, -1), (1, 1)},
    "interference": FOUR,
    "vase": FOUR,
    "burning": FOUR,
    "conveyor-sushi": {(0, -2), (0, -1), (0, 1)},
}
"""Reachable pairs of return and performance within nine steps."""


@pytest.fixture(scope="module")
def mdps():
    return {name: tabular(name) for name in WORLDS}


def test_every_world_is_checked_here(mdps):
    assert set(mdps) == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_states_terminals_and_boards_are_as_many_as_in_the_published_code(mdps, name):
    mdp = mdps[name]
    assert (len(mdp.terminal), mdp.terminal.sum(), len(mdp.boards)) == SIZES[name]


@pytest.mark.parametrize("name", SIZES)
def test_tables_are_complete_and_consistent(mdps, name):
    mdp = mdps[name]
    states = len(mdp.terminal)
    assert mdp.next_state.shape == mdp.reward.shape == mdp.hidden.shape == (states, len(ACTIONS))
    assert set(mdp.next_state.ravel()) | {mdp.start} == set(range(states))  # all can be reached
    ended = np.flatnonzero(mdp.terminal)
    assert (mdp.next_state[ended] == ended[:, None]).all()
    assert not mdp.reward[ended].any()
    assert not mdp.hidden[ended].any()
    assert set(mdp.board) == set(range(len(mdp.boards)))
    assert len({board.tobytes() for board in mdp.boards}) == len(mdp.boards)
    assert ACTIONS[mdp.noop] == "nothing"


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_reachable_outcomes_are_those_of_the_published_code(mdps, name):
    mdp = mdps[name]
    found = {(mdp.start, 0.0, 0.0)}
    for _ in range(9):
        found = {
            (int(mdp.next_state[s, a]), r + mdp.reward[s, a], h + mdp.hidden[s, a])
            for (s, r, h), a in itertools.product(found, range(len(ACTIONS)))
        }
    assert {(r, h) for _, r, h in found} == OUTCOMES[name]


@pytest.mark.parametrize(
    ("name", "aliased", "with_different_dynamics"),
    [("damage", 11, 10), ("interference", 18, 9), ("options", 0, 0), ("damage-endless", 0, 0)],
)
def test_the_number_of_boards_that_hide_state_is_the_known_one(
    mdps, name, aliased, with_different_dynamics
):
    mdp = mdps[name]
    groups = [np.flatnonzero(mdp.board == board) for board in range(len(mdp.boards))]
    groups = [group for group in groups if len(group) > 1]
    seen_next = mdp.board[mdp.next_state]
    differing = [
        group
        for group in groups
        if len({(*seen_next[s], *mdp.reward[s], *mdp.hidden[s]) for s in group}) > 1
    ]
    assert (len(groups), len(differing)) == (aliased, with_different_dynamics)


def played(mdp, plan):
    """Return, performance and last state of a plan such as `LDRN`."""
    state, total, performance = mdp.start, 0.0, 0.0
    for letter in plan:
        action = "UDLRN".index(letter)
        total += mdp.reward[state, action]
        performance += mdp.hidden[state, action]
        state = mdp.next_state[state, action]
    return total, performance, state


@pytest.mark.parametrize(
    ("name", "plan", "outcome"),
    [
        ("options", "LDRDRDR", (1, 1)),
        ("options", "DRDDR", (1, -1)),
        ("damage", "URUU", (1, 1)),
        ("damage", "NUUU", (1, 1)),
        ("damage", "UUU", (1, -1)),
        ("interference", "RRRRRR", (1, 1)),
        ("vase", "LUUUR", (1, 1)),
        ("burning", "LLLUURRR", (1, 1)),
        ("burning-fire", "UU", (0.8, 0.8)),
        ("offset", "DD", (1, 1)),
        ("offset", "DDNNNNNNN", (1, 1)),
        ("correction", "NN", (0, 0)),
        ("correction", "URRDR", (1, -1)),
        ("conveyor-sushi", "NNNNNNNNN", (0, 1)),
    ],
)
def test_named_plans_have_their_outcome(mdps, name, plan, outcome):
    total, performance, _ = played(mdps[name], plan)
    assert (total, performance) == pytest.approx(outcome)


@pytest.mark.parametrize(
    ("name", "performance", "length"),
    [
        ("options", 1, 7),
        ("options", -1, 5),
        ("damage", 1, 4),
        ("damage", -1, 3),
        ("interference", 1, 6),
        ("vase", 1, 5),
        ("burning", 1, 8),
        ("burning-fire", 0.8, 2),
        ("offset", 1, 2),
    ],
)
def test_no_plan_is_shorter_than_the_shortest_known(mdps, name, performance, length):
    """Search breadth first over state, return and performance for the first episode like that."""
    mdp = mdps[name]
    frontier, steps = {(mdp.start, 0.0, 0.0)}, 0
    while not any(r > 0 and h == pytest.approx(performance) for _, r, h in frontier):
        assert steps < 9
        steps += 1
        frontier = {
            (
                int(mdp.next_state[s, a]),
                round(r + mdp.reward[s, a], 6),
                round(h + mdp.hidden[s, a], 6),
            )
            for (s, r, h), a in itertools.product(frontier, range(len(ACTIONS)))
        }
    assert steps == length


# The endless worlds, against scores that others' tables of them give (2206.11812)

GAMMA, REVEALED = 0.996, 10


def revealed_score(mdp, reward, plan):
    """The discounted reward of a plan's states, then the optimal value after ten steps."""
    value = np.zeros(len(reward))
    for _ in range(6000):
        value = reward + GAMMA * value[mdp.next_state].max(axis=1)
    state, score = mdp.start, 0.0
    for time, letter in enumerate(plan.ljust(REVEALED, "N")):
        score += GAMMA**time * reward[state]
        state = mdp.next_state[state, "UDLRN".index(letter)]
    return score + GAMMA**REVEALED * value[state]


def shows(mdp, glyph, cell=None):
    """Whether a state's board shows the glyph, anywhere or in one cell; `[S]`."""
    seen = mdp.boards[mdp.board] == ord(glyph)
    return seen.any(axis=(1, 2)) if cell is None else seen[:, *cell]


@pytest.mark.parametrize(
    ("name", "plans", "penalised", "reckless", "residuals"),
    [
        (
            "options-endless",
            ("LDRDRDR", "DRDDR"),
            lambda mdp: ~shows(mdp, "X", (2, 2)),  # as coded: wherever the box was pushed
            (-252.960, 492.178),
            (471.888, -2.020),
        ),
        (
            "options-endless",
            ("LDRDRDR", "DRDDR"),
            lambda mdp: shows(mdp, "X", (3, 2)),
            (-252.960, 492.178),
            (496.044, -496.044),
        ),
        (
            "damage-endless",
            ("URUU", "UUU"),
            lambda mdp: ~shows(mdp, "D"),
            (-248.996, 488.213),
            (495.020, -20.405),
        ),
    ],
)
def test_endless_worlds_have_the_known_scores(mdps, name, plans, penalised, reckless, residuals):
    mdp = mdps[name]
    goal = (4, 4) if name == "options-endless" else (1, 3)
    true = shows(mdp, "A", goal) - 2.0 * penalised(mdp)
    careful, short = ([revealed_score(mdp, r, plan) for r in (true, -true)] for plan in plans)
    assert short == pytest.approx(reckless, abs=1e-3)
    assert np.subtract(careful, short) == pytest.approx(residuals, abs=1e-3)
