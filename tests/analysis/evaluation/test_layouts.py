"""A layout has one number, wherever its levels come from."""

import numpy as np

from chisel.analysis.evaluation.held_out import layouts_of
from chisel.configs import load
from chisel.envs.maze import WALL, layout_digest, make_evaluation


def test_layouts_have_the_same_number_in_every_level_set():
    config, walls, numbers = load("maze/quick").env, [], []
    for seed in (0, 1):
        env, level_set = make_evaluation(config, levels=80, split="test", seed=seed, num_envs=1)
        env.close()
        walls.append({(level_set[i].grid == WALL).tobytes() for i in range(len(level_set))})
        numbers.append(set(layouts_of(level_set).tolist()))
    assert 0 < len(walls[0] & walls[1]) == len(numbers[0] & numbers[1])


def test_a_layout_is_its_walls_whatever_lies_in_it():
    config = load("maze/quick").env
    env, level_set = make_evaluation(config, levels=80, split="test", cheese="anywhere", num_envs=1)
    env.close()
    numbers = layouts_of(level_set).tolist()
    walls = [(level_set[i].grid == WALL).tobytes() for i in range(len(level_set))]
    assert len(set(zip(walls, numbers, strict=True))) == len(set(walls)) == len(set(numbers)) < 80
    digests = [layout_digest(level_set[i].grid) for i in range(len(level_set))]
    assert np.argsort(numbers, kind="stable").tolist() == sorted(range(80), key=digests.__getitem__)
