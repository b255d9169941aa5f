"""Gymnasium's vector wrappers behave as the page on environments says."""

import sys
from types import ModuleType

import numpy as np
import pytest
from gymnasium.wrappers import vector

from chisel import envs
from chisel.configs import GridworldConfig, MazeConfig, OversightConfig, registry
from chisel.configs.errors import EnvironmentFault

CONFIGS = {
    "maze": MazeConfig(num_envs=3, timeout=10),
    "symbolic": MazeConfig(num_envs=3, timeout=10, observation="symbolic"),
    "gridworld": GridworldConfig(num_envs=3, max_steps=10),
    "oversight": OversightConfig(num_envs=3, max_steps=10),
}
DRAWN = ["maze", "symbolic", "gridworld"]


@pytest.fixture(params=CONFIGS)
def env(request):
    made = envs.make(CONFIGS[request.param], seed=0)
    yield made
    made.close()


def play(env, steps=30):
    draws = np.random.default_rng(0)
    env.reset(seed=1)
    number = env.single_action_space.n
    for _ in range(steps):
        yield env.step(draws.integers(0, number, env.num_envs))


def test_episode_statistics_collide_under_their_own_name(env):
    with pytest.raises(ValueError, match="'episode' but this key already exists"):
        list(play(vector.RecordEpisodeStatistics(env)))


def test_episode_statistics_of_another_name_are_those_of_the_environment(env):
    ended = 0
    for step in play(vector.RecordEpisodeStatistics(env, stats_key="gymnasium")):
        infos = step[4]
        if "episode" in infos:
            rows = infos["_episode"]
            assert np.array_equal(infos["_gymnasium"], rows)
            for fact in ("r", "l"):
                assert np.allclose(infos["gymnasium"][fact][rows], infos["episode"][fact][rows])
            ended += int(rows.sum())
    assert ended >= 6


def test_observations_cannot_be_normalised(env):
    with pytest.raises(ValueError, match="NEXT_STEP"):
        vector.NormalizeObservation(env)


@pytest.mark.filterwarnings("ignore:.*WARN")
@pytest.mark.parametrize("name", DRAWN)
def test_environments_can_be_rendered_and_recorded(name, tmp_path, monkeypatch):
    for module in ("moviepy", "pygame", "cv2"):  # asked for by Gymnasium, not by us
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    env = envs.make(CONFIGS[name], seed=0)
    vector.HumanRendering(env)
    camera = vector.RecordVideo(
        env, str(tmp_path), step_trigger=lambda step: step == 0, video_length=100, fps=5
    )
    list(play(camera, steps=12))
    frames = camera.recorded_frames
    assert len(frames) >= 4
    assert all(frame.dtype == np.uint8 and frame.shape[-1] == 3 for frame in frames)
    assert any((frame != frames[0]).any() for frame in frames[1:])
    camera.recorded_frames, camera.recording = [], False  # there is nothing to write it with
    env.close()


@pytest.mark.parametrize("name", ["maze", "symbolic"])
def test_a_maze_is_drawn_alike_whatever_is_observed(name):
    pixels = envs.make(CONFIGS["maze"], seed=4)
    env = envs.make(CONFIGS[name], seed=4)
    for ours, theirs in zip(play(env), play(pixels), strict=True):
        assert np.array_equal(np.stack(env.render()), np.stack(pixels.render()))
        assert np.array_equal(ours[1], theirs[1])


def test_boards_of_the_oversight_world_are_not_drawn(tmp_path):
    with pytest.raises(ValueError, match="Render mode is None"):
        vector.RecordVideo(envs.make(CONFIGS["oversight"], seed=0), str(tmp_path))


def test_training_refuses_a_wrapped_environment_by_its_name(env, monkeypatch):
    wrapped = vector.RecordEpisodeStatistics(env, stats_key="gymnasium")
    monkeypatch.setattr(registry, "resolve", lambda *_: lambda *_, **__: wrapped)
    with pytest.raises(EnvironmentFault, match=r"^RecordEpisodeStatistics hides .* `observe`"):
        envs.make(OversightConfig(), seed=0, num_envs=3)
