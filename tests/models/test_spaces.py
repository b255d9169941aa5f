"""Spaces are read from any vector environment with image observations."""

from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

from chisel.configs import ConfigError
from chisel.models import Spaces, spaces_of

IMAGE = spaces.Box(0, 1, (4, 4, 1))


def env(obs, action):
    return SimpleNamespace(single_observation_space=obs, single_action_space=action)


def test_shape_type_range_and_actions_are_read():
    colours = spaces.Box(0, 255, (64, 64, 3), np.uint8)
    found = spaces_of(env(colours, spaces.Discrete(15)))
    assert found == Spaces((64, 64, 3), "uint8", 255.0, 15)
    assert found.obs_range == 255.0


@pytest.mark.parametrize(("dtype", "high"), [(np.uint8, 1), (np.float32, 1.0), (np.float32, 255.0)])
def test_only_byte_colours_are_divided(dtype, high):
    assert spaces_of(env(spaces.Box(0, high, (5, 5, 3), dtype), spaces.Discrete(4))).obs_range == 1


@pytest.mark.parametrize(
    ("obs", "action", "complaint"),
    [
        (spaces.Box(0, 1, (4,)), spaces.Discrete(2), r"\[H, W, C\]"),
        (spaces.Discrete(3), spaces.Discrete(2), r"\[H, W, C\]"),
        (spaces.MultiBinary([4, 4, 1]), spaces.Discrete(2), r"\[H, W, C\]"),
        (IMAGE, spaces.Box(0, 1, (2,)), "Discrete action space"),
        (IMAGE, spaces.MultiBinary(4), "Discrete action space"),
        (IMAGE, spaces.MultiDiscrete([3, 3]), "Discrete action space"),
        (IMAGE, spaces.Discrete(4, start=1), "from 0, such as"),
        (IMAGE, spaces.Discrete(4, start=-1), "from 0, such as"),
    ],
)
def test_spaces_that_no_model_fits_are_refused(obs, action, complaint):
    with pytest.raises(ConfigError, match=complaint):
        spaces_of(env(obs, action))
