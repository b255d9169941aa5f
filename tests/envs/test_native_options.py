"""Whatever the options, the native engine and procgen show and report the same episodes."""

import contextlib
import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel.configs import WORLD_SIZE, check_env
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze import make_maze

GAMES, STEPS = 3, 60


@st.composite
def options(draw):
    """Any options that go together."""
    mode = draw(st.sampled_from(["easy", "hard", "memory"]))
    odd = st.integers(1, (WORLD_SIZE[mode] - 1) // 2).map(lambda half: 2 * half + 1)
    two_goals = draw(st.booleans())
    num = draw(st.sampled_from([0, 0, 300, 5000]))
    levels = LevelsConfig(start=draw(st.integers(0, 2**30)) if num else 0, num=num)
    if two_goals or draw(st.booleans()):
        sizes = sorted([draw(odd), draw(odd)])
        if num == 300:
            sizes = [3, WORLD_SIZE[mode]]  # of few seeds, few levels have one size
        split = draw(st.sampled_from(["all", "train"]))
        levels = dataclasses.replace(
            levels,
            set_size=draw(st.integers(1, 9)),
            min_size=sizes[0],
            max_size=sizes[1],
            split=split,
        )
    config = MazeConfig(
        num_envs=GAMES,
        mode=mode,
        levels=levels,
        goals="cheese-and-corner" if two_goals else "cheese",
        cheese=draw(st.sampled_from(["stock", "region"])),
        region=draw(st.integers(2 if two_goals else 0, WORLD_SIZE[mode])),
        timeout=draw(st.integers(1, 40)),
        observation=draw(st.sampled_from(["pixels", "pixels", "symbolic", "float"])),
        use_backgrounds=draw(st.booleans()),
        use_monochrome_assets=draw(st.booleans()),
        restrict_themes=draw(st.booleans()),
    )
    check_env(config)
    return config


@settings(max_examples=15)
@given(options(), st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_both_engines_play_the_same_and_go_on_with_each_others_states(config, seed, actions_seed):
    with contextlib.ExitStack() as stack:
        theirs, ours = (
            stack.enter_context(
                contextlib.closing(make_maze(dataclasses.replace(config, engine=engine), seed=seed))
            )
            for engine in ("procgen", "native")
        )
        np.testing.assert_array_equal(ours.reset()[0], theirs.reset()[0])
        rng = np.random.default_rng(actions_seed)
        # Mice that mostly go up and to the right reach the cheese, and turn now and then.
        likely = np.full(15, 1.0)
        likely[[5, 7]] = 6.0
        for step in range(STEPS):
            actions = rng.choice(15, GAMES, p=likely / likely.sum())
            one, other = ours.step(actions), theirs.step(actions)
            for mine, procgens in zip(one[:4], other[:4], strict=True):
                np.testing.assert_array_equal(mine, procgens)
            assert one[4].keys() == other[4].keys()
            for fact, values in one[4].get("episode", {}).items():
                np.testing.assert_array_equal(values, other[4]["episode"][fact], fact)
            if step % 20 == 19:
                assert [state.is_reflected for state in ours.maze_states()] == [
                    state.is_reflected for state in theirs.maze_states()
                ]
                states = ours.get_state(), theirs.get_state()
                ours.set_state(states[1])
                theirs.set_state(states[0])
