"""Region placement is the one of maze_aisc: uniform on free cells of the top-right block."""

import numpy as np
import pytest
from scipy import stats

from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import FREE, MazeState, RegionCheese, make_maze


def places(state: MazeState, region: int, draws: int) -> list[tuple[int, int]]:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(draws):
        world = state.world
        RegionCheese(region).lay(world, state.maze_dim, state.mouse, generator)
        state.set_world(world, state.maze_dim)
        found += state.cheese
    return found


def test_the_cheese_is_uniform_on_the_free_cells_of_the_region():
    state = MazeState.from_drawing(
        """
        #####C.
        .....#.
        .###.#.
        .#...#.
        .#.###.
        .#...#.
        M###...
        """
    )
    allowed = [(r, c) for r in range(4, 7) for c in range(4, 7) if state.open[r, c]]
    counts = dict.fromkeys(allowed, 0)
    for cell in places(state, 3, 3000):
        counts[cell] += 1
    assert len(allowed) == 6
    assert stats.chisquare(list(counts.values())).pvalue > 0.001


def test_the_region_of_a_maze_smaller_than_it_is_everything_but_the_start():
    state = MazeState.from_drawing("...\n.#.\nM..")
    assert set(places(state, 5, 300)) == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)}


@pytest.mark.parametrize("region", [0, 1])
def test_region_0_and_1_are_the_corner_cell(region):
    state = MazeState.from_grid(np.full((9, 9), FREE))
    assert set(places(state, region, 20)) == {(8, 8)}


def test_a_region_without_a_free_cell_has_no_cheese():
    state = MazeState.from_drawing("C##\n.##\nM..")
    assert places(state, 2, 5) == []


@pytest.mark.parametrize("set_size", [0, 200])
def test_every_episode_has_its_cheese_in_the_region(set_size):
    config = MazeConfig(
        cheese="region", region=3, timeout=5, num_envs=8, levels=LevelsConfig(set_size=set_size)
    )
    env = make_maze(config, seed=0)
    env.reset()
    seen = []
    for _ in range(40):
        _, _, ended, _, infos = env.step(np.full(8, 4))
        if ended.any():
            facts = infos["episode"]
            for size, cheese in zip(facts["size"][ended], facts["cheese"][ended], strict=True):
                assert (cheese >= size - min(3, size)).all()
                seen.append(tuple((size - cheese).tolist()))
            for state in env.maze_states():
                assert len(state.cheese) == 1
                assert min(state.cheese[0]) >= state.maze_dim - 3
    assert len(set(seen)) > 4


def test_placement_changes_neither_walls_nor_backgrounds_nor_the_order_of_levels():
    stock = make_maze(MazeConfig(num_envs=4, timeout=5), seed=3)
    region = make_maze(MazeConfig(num_envs=4, timeout=5, cheese="region", region=2), seed=3)
    stock.reset()
    region.reset()
    for _ in range(12):
        for one, other in zip(stock.maze_states(), region.maze_states(), strict=True):
            assert one.level_seed == other.level_seed
            assert one.background == other.background
            np.testing.assert_array_equal(one.open, other.open)
        stock.step(np.full(4, 4))
        region.step(np.full(4, 4))
