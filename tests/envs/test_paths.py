"""Paths agree with slower ways of finding them."""

import numpy as np
import pytest

from chisel.envs.maze import paths
from tests.envs.oracles import filled_path, random_tree, relaxed_distances


def random_open(generator, side):
    return generator.random((side, side)) < 0.65


@pytest.mark.parametrize("seed", range(10))
def test_distances_agree_with_repeated_relaxation(seed):
    generator = np.random.default_rng(seed)
    open_cells = random_open(generator, int(generator.integers(3, 14)))
    open_cells[0, 0] = True
    np.testing.assert_array_equal(
        paths.distances(open_cells, (0, 0)), relaxed_distances(open_cells, (0, 0))
    )


@pytest.mark.parametrize("seed", range(10))
def test_a_shortest_path_is_connected_and_as_long_as_the_distance(seed):
    open_cells = random_open(np.random.default_rng(seed), 11)
    open_cells[0, 0] = True
    distance = relaxed_distances(open_cells, (0, 0))
    for cell in paths.free_cells(open_cells):
        path = paths.shortest_path(open_cells, (0, 0), cell)
        assert len(path) == distance[cell] + 1
        if path:
            assert (path[0], path[-1]) == ((0, 0), cell)
            steps = np.abs(np.diff(np.array(path), axis=0)).sum(axis=1)
            assert (steps == 1).all()
            assert all(open_cells[square] for square in path)


@pytest.mark.parametrize("seed", range(10))
def test_in_a_tree_the_path_is_what_remains_when_dead_ends_are_filled(seed):
    generator = np.random.default_rng(seed)
    open_cells = random_tree(generator, 13)
    end = tuple((generator.integers(0, 7, 2) * 2).tolist())
    assert set(paths.shortest_path(open_cells, (0, 0), end)) == filled_path(open_cells, (0, 0), end)


@pytest.mark.parametrize("seed", range(20))
def test_the_decision_square_is_where_the_two_paths_part(seed):
    generator = np.random.default_rng(seed)
    open_cells = random_tree(generator, 11)
    cheese = tuple((generator.integers(0, 6, 2) * 2).tolist())
    to_cheese = filled_path(open_cells, (0, 0), cheese)
    to_corner = filled_path(open_cells, (0, 0), (10, 10))
    found = paths.decision_square(open_cells, (0, 0), cheese)
    if to_cheese <= to_corner or to_corner <= to_cheese:
        assert found is None
    else:
        distance = relaxed_distances(open_cells, (0, 0))
        assert found == max(to_cheese & to_corner, key=lambda cell: distance[cell])


def test_there_is_nothing_to_decide_when_a_goal_is_out_of_reach():
    open_cells = np.ones((3, 3), bool)
    open_cells[1] = False
    assert paths.decision_square(open_cells, (0, 0), (0, 2)) is None


@pytest.mark.parametrize("cheese", [(2, 2), (4, 4), (2, 4), (0, 4)])
def test_there_is_nothing_to_decide_when_one_goal_is_on_the_way_to_the_other(cheese):
    """Public code has two definitions that differ in this case."""
    open_cells = np.zeros((5, 5), bool)  # one corridor, the corner half-way
    way = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (3, 2), (4, 2), (4, 3), (4, 4)]
    way += [(3, 4), (2, 4), (1, 4), (0, 4)]
    open_cells[tuple(np.transpose(way))] = True
    assert paths.decision_square(open_cells, (0, 0), cheese) is None
    assert not paths.to_goals(open_cells, (0, 0), [cheese], (4, 4)).decision


@pytest.mark.parametrize("seed", range(5))
def test_of_several_cheeses_the_nearest_one_counts(seed):
    generator = np.random.default_rng(seed)
    open_cells = random_open(generator, 9)
    open_cells[0, 0] = True
    cheeses = [tuple(cell) for cell in generator.integers(0, 9, (3, 2)).tolist()]
    cheeses = [cell for cell in cheeses if open_cells[cell]]
    distance = relaxed_distances(open_cells, (0, 0))
    reachable = [distance[cell] for cell in cheeses if distance[cell] >= 0]
    found = paths.to_goals(open_cells, (0, 0), cheeses, (8, 8))
    if reachable:
        assert found.cheese_path == distance[found.cheese] == min(reachable)
    else:
        assert (found.cheese, found.cheese_path) == (None, -1)


def test_the_parents_of_a_path_tree_lead_to_its_root():
    open_cells = random_tree(np.random.default_rng(5), 9)
    tree = paths.path_tree(open_cells, (8, 8))
    for cell in paths.free_cells(open_cells):
        steps = 0
        while cell != (8, 8):
            cell = tuple(tree.parent[cell].tolist())
            steps += 1
            assert steps <= tree.distance.max()
    assert (tree.distance[~open_cells] == -1).all()
