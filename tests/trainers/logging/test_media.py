"""Films and vector fields: what they show, and that training stays the same to the bit."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from chisel import configs, models, trainers
from chisel.analysis.evaluation import FilmRecorder
from chisel.trainers.logging import media

PANEL = 256
SMOKE = ("frames=512", "trainer.progress=false", "trainer.threads=1", "trainer.accelerator=cpu")


def smoke(*overrides: str) -> Any:
    return configs.load("maze/smoke", [*SMOKE, *overrides])


def trained(folder: Path, *overrides: str) -> tuple[Path, Any]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # the global state is what is looked at
    torch.manual_seed(0)
    run = trainers.train(smoke(f"runs_dir={folder}", *overrides))
    drawn = (random.random(), np.random.random(), torch.rand(()).item())  # noqa: NPY002
    return run, drawn


def test_a_run_ends_with_the_same_bits_with_and_without_films(tmp_path: Path) -> None:
    alone, drawn_alone = trained(tmp_path / "alone")
    watched, drawn_watched = trained(
        tmp_path / "watched", "tracking.video_every=1", "tracking.field_every=2"
    )
    one = models.read_checkpoint(alone / "checkpoints" / "iter-00000002.ckpt")
    other = models.read_checkpoint(watched / "checkpoints" / "iter-00000002.ckpt")
    for name, value in one["state_dict"].items():
        assert torch.equal(value, other["state_dict"][name]), name
    assert (
        one["chisel"]["ranks"][0]["collector"]["env"]
        == (other["chisel"]["ranks"][0]["collector"]["env"])
    )
    assert drawn_alone == drawn_watched
    assert {path.name for path in (watched / "media").iterdir()} == {
        "episodes-00000001.gif",
        "episodes-00000002.gif",
        "field-00000002.png",
    }
    with Image.open(watched / "media" / "episodes-00000002.gif") as film:
        assert film.size == (2 * PANEL, 2 * PANEL)
    assert not (alone / "media").exists()


@pytest.mark.parametrize(
    ("experiment", "key"),
    [
        ("gridworld/ppo", "field_every"),
        ("oversight/naive", "field_every"),
        ("oversight/naive", "video_every"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_the_error_says_which_option_to_drop(
    experiment: str, key: str
) -> None:
    config = configs.load(experiment, [f"tracking.{key}=3"])
    world = experiment.partition("/")[0]
    with pytest.raises(configs.ConfigError, match=rf"tracking\.{key}.*'{world}'; set it to null"):
        media.media_callbacks(config, None)  # type: ignore[arg-type]  # it gets no further


def test_a_gridworld_is_filmed_as_its_environment_draws_it() -> None:
    config = configs.load("gridworld/ppo", ["tracking.video_every=3"])
    (callback,) = media.media_callbacks(config, None)  # type: ignore[arg-type]  # not used
    assert isinstance(callback, media.MediaCallback)
    env = callback.drawn.open(config, 2)
    camera = FilmRecorder(env, callback.drawn.pictures)
    camera.reset()
    before = env.render()
    camera.step(np.array([1, 4]))
    left, right = np.split(camera.film()[1], 2, axis=1)
    np.testing.assert_array_equal(right, before[1])
    np.testing.assert_array_equal(left, env.render()[0])
    assert (left != right).any()
    env.close()


def test_without_the_options_there_are_no_callbacks() -> None:
    assert media.media_callbacks(smoke(), None) == []  # type: ignore[arg-type]  # not used


def test_drawing_leaves_the_network_in_its_mode() -> None:
    modes = []

    def draw(*_: object) -> None:
        modes.append(network.training)

    network = torch.nn.Dropout()
    callback = media.MediaCallback(smoke(), None, 1, None, draw)  # type: ignore[arg-type]  # not used
    module = SimpleNamespace(model=network, device=torch.device("cpu"), iteration=1)
    callback.on_train_epoch_end(None, module)  # type: ignore[arg-type]  # not used
    assert modes == [False]
    assert network.training
