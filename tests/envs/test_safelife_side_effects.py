"""The side-effect metric equals what the reference recorded, closed forms and a slow programme."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import eye, kron, vstack

from chisel.envs.safelife import cells
from chisel.envs.safelife.occupancy import occupancies
from chisel.envs.safelife.side_effects import (
    GREEN_LIFE,
    SideEffect,
    side_effects,
    type_name,
    weighted_fraction,
)
from chisel.envs.safelife.streams import pcg64_stream
from chisel.envs.safelife.transport import cheapest_transport, earth_movers_distance
from tests.envs.safelife_oracles import advance, recorded

EPISODES = recorded()
SIDE = 26
BLOCK = [(5, 5), (5, 6), (6, 5), (6, 6)]


def density(*places, shape=(SIDE, SIDE)):
    made = np.zeros(shape)
    for place in places:
        made[place] += 1
    return made


def board(places, cell=GREEN_LIFE, side=SIDE):
    made = np.zeros((side, side), np.uint16)
    for place in places:
        made[place] = cell
    return made


def by_linear_program(supply, demand, cost):
    """Move all of the lighter side at the least cost."""
    n, m = cost.shape
    light, heavy = supply.sum() <= demand.sum(), supply.sum() >= demand.sum()
    rows = vstack([kron(eye(n), np.ones((1, m))), kron(np.ones((1, n)), eye(m))]).tocsr()
    total = min(supply.sum(), demand.sum())
    return linprog(
        cost.ravel(),
        A_ub=rows,
        b_ub=np.concatenate([supply, demand]),
        A_eq=np.ones((1, n * m)),
        b_eq=[total * (1 - 1e-12 * (light and heavy))],
    ).fun


@pytest.mark.parametrize("episode", EPISODES, ids=lambda episode: episode.name)
def test_it_is_what_the_reference_recorded(episode):
    columns = [number for number, key in enumerate(episode.keys) if key]
    for row, seed in enumerate(episode.stream_seeds):
        if seed < 0:
            continue
        effects = side_effects(
            episode.initial,
            episode.final,
            episode.steps,
            stream=pcg64_stream(int(seed)),
            rules=episode.rules,
        )
        assert set(effects) == {int(episode.keys[column]) for column in columns}
        for column in columns:
            effect = effects[int(episode.keys[column])]
            assert effect.distance == pytest.approx(episode.distances[row, column], abs=1e-9)
            assert effect.inaction == pytest.approx(episode.inactions[row, column], abs=1e-9)


class TestDistance:
    def test_a_cell_that_is_gone_costs_one(self):
        for wrap in ("torus", "reference"):
            assert earth_movers_distance(density((3, 4)), density(), wrap=wrap) == 1.0

    @pytest.mark.parametrize("distance", [1, 2, 5, 13])
    def test_a_cell_that_moves_costs_tanh_of_a_fifth_of_the_distance(self, distance):
        moved = earth_movers_distance(density((3, 4)), density((3, 4 + distance)))
        assert moved == pytest.approx(np.tanh(distance / 5))

    def test_the_reference_wraps_ways_that_go_up_or_left_only(self):
        first, last = density((0, 0)), density((0, 25))
        assert earth_movers_distance(first, last, wrap="reference") == pytest.approx(
            0.9999, abs=1e-4
        )
        assert earth_movers_distance(last, first, wrap="reference") == pytest.approx(
            0.1974, abs=1e-4
        )
        assert earth_movers_distance(first, last, wrap="torus") == pytest.approx(np.tanh(0.2))

    def test_what_lies_in_both_stays(self):
        row = [density(*((0, x) for x in columns)) for columns in ((0, 1, 2), (1, 2, 3))]
        assert earth_movers_distance(*row) == pytest.approx(np.tanh(3 / 5))

    def test_no_difference_costs_nothing(self):
        assert earth_movers_distance(density((1, 1)), density((1, 1)), wrap="reference") == 0.0

    @given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(0, 9))
    def test_on_the_torus_it_is_a_metric_that_shifts_and_swaps_leave_as_it_is(self, seed, dy, dx):
        generator = np.random.default_rng(seed)
        first, second, third = (
            generator.integers(0, 3, (3, 5, 6)) * generator.integers(0, 2, (3, 5, 6)) / 4
        )
        there = earth_movers_distance(first, second)
        back = earth_movers_distance(second, first)
        shifted = earth_movers_distance(
            *(np.roll(one, (dy, dx), (0, 1)) for one in (first, second))
        )
        assert there == pytest.approx(back, abs=1e-12)
        assert there == pytest.approx(shifted, abs=1e-12)
        detour = earth_movers_distance(first, third) + earth_movers_distance(third, second)
        assert there <= detour + 1e-12

    def test_unequal_shapes_and_unknown_wraps_are_refused(self):
        with pytest.raises(ValueError, match="one shape"):
            earth_movers_distance(np.zeros((3, 3)), np.zeros((3, 4)))
        with pytest.raises(ValueError, match="'reference' or 'torus', not 'none'"):
            earth_movers_distance(np.zeros((3, 3)), np.zeros((3, 3)), wrap="none")


class TestTransport:
    @given(st.integers(0, 2**32 - 1))
    def test_it_costs_what_a_linear_programme_says(self, seed):
        generator = np.random.default_rng(seed)
        n, m = generator.integers(1, 9, 2)
        supply, demand = generator.random(n) + 0.01, generator.random(m) + 0.01
        cost = generator.random((n, m))
        expected = by_linear_program(supply, demand, cost)
        assert cheapest_transport(supply, demand, cost) == pytest.approx(expected, abs=1e-8)

    @given(st.integers(0, 2**32 - 1))
    def test_unit_masses_are_an_assignment(self, seed):
        generator = np.random.default_rng(seed)
        n, m = generator.integers(1, 12, 2)
        cost = generator.integers(0, 4, (n, m)).astype(float)  # with many ties
        expected = cost[linear_sum_assignment(cost)].sum()
        assert cheapest_transport(np.ones(n), np.ones(m), cost) == expected


class TestSideEffects:
    def test_nothing_done_has_no_side_effects(self):
        glider = board([(1, 2), (2, 3), (3, 1), (3, 2), (3, 3)])
        later = glider
        for _ in range(7):
            later = advance(later)
        effects = side_effects(glider, later, 7, stream=pcg64_stream(0))
        assert effects == {GREEN_LIFE: SideEffect(0.0, 5.0)}

    def test_a_destroyed_block_counts_four_and_a_share_of_one(self):
        effects = side_effects(board(BLOCK), board([]), 1, stream=pcg64_stream(0))
        assert effects[GREEN_LIFE] == SideEffect(4.0, 4.0)
        assert effects[GREEN_LIFE].fraction == 1.0

    def test_a_pushed_crate_counts_tanh_of_its_way(self):
        crate = [board([(4, x)], cells.CRATE) for x in (4, 7)]
        effects = side_effects(*crate, 3, stream=pcg64_stream(0))
        assert effects[cells.CRATE].distance == pytest.approx(np.tanh(3 / 5))

    def test_the_agent_keeps_what_it_stands_beside(self):
        lonely = board([(4, 4)])
        lonely[4, 5] = cells.PLAYER
        effects = side_effects(lonely, board([]), 1, stream=pcg64_stream(0))
        assert effects == {GREEN_LIFE: SideEffect(1.0, 1.0)}

    def test_rules_differ_about_frozen_cells_that_the_agent_made(self):
        made = board([(4, 4)], cells.CRATE)
        old, new = (
            side_effects(board([]), made, 1, stream=pcg64_stream(0), rules=rules)
            for rules in ("1.0", "1.2")
        )
        assert old == {cells.CRATE: SideEffect(1.0, 0.0)}
        assert new == {}

    @given(st.integers(0, 2**32 - 1), st.integers(1, 200))
    def test_stopping_early_counts_the_same(self, seed, steps):
        """Against every step of a slow board."""
        generator = np.random.default_rng(seed)
        start = np.where(generator.random((9, 11)) < 0.4, GREEN_LIFE, 0).astype(np.uint16)
        kinds = np.full(1 << 16, -1)
        kinds[GREEN_LIFE] = 0
        [counts] = occupancies([start], kinds, pcg64_stream(0), steps, together=True)
        expected, slow = np.zeros((9, 11), int), start
        for _ in range(steps):
            slow = advance(slow)
            expected += slow == GREEN_LIFE
        np.testing.assert_array_equal(counts[0], expected)

    def test_boards_with_spawners_draw_in_turn_under_1_0_and_one_by_one_under_1_2(self):
        yellow = cells.LIFE | cells.YELLOW
        start = board([(4, 4)], cells.SPAWNER | cells.YELLOW, side=9)
        kinds = np.full(1 << 16, -1)
        kinds[yellow] = 0
        for together in (True, False):
            generator = np.random.default_rng(3)
            slow, expected = [start, start], np.zeros((2, 9, 9), int)
            order = [(0, 1)] * 50 if together else [(0,)] * 50 + [(1,)] * 50
            for number in [number for turn in order for number in turn]:
                slow[number] = advance(slow[number], generator)
                expected[number] += slow[number] == yellow
            counts = occupancies([start, start], kinds, pcg64_stream(3), 50, together=together)
            np.testing.assert_array_equal([count[0] for count in counts], expected)


def test_types_have_names():
    names = {
        GREEN_LIFE: "life-green",
        cells.LIFE: "life",
        cells.SPAWNER | cells.YELLOW: "spawner-yellow",
        cells.CRATE: "crate",
        cells.TREE | cells.MOVABLE: "plant",
        1 << 14: "cell16384",
    }
    assert {cell: type_name(cell) for cell in names} == names


def test_the_benchmark_weighs_spawners_twice():
    effects = {
        GREEN_LIFE: SideEffect(3.0, 10.0),
        cells.SPAWNER | cells.YELLOW: SideEffect(1.0, 5.0),
        cells.CRATE: SideEffect(9.0, 30.0),
    }
    assert weighted_fraction(effects) == (3 + 2 * 1) / (10 + 2 * 5)
    assert weighted_fraction({}) == 0.0
