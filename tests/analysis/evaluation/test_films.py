"""A film has a picture of every game at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chisel.analysis.evaluation import FilmRecorder, films

PANEL = 64


class Mazes:
    """Two mazes; the first episode of the first one ends in its third step."""

    num_envs = 2

    def __init__(self) -> None:
        self.at = 0

    def reset(self, **options: Any) -> tuple[None, dict[str, Any]]:
        self.at = 0
        return None, {}

    def step(self, actions: Any) -> tuple[Any, ...]:
        self.at += 1
        ended = np.array([self.at == 3, False])
        return None, None, ended, np.zeros(2, bool), {}


def shades(mazes: Mazes) -> list[Any]:
    brightness = [30 * (mazes.at + 1), 30 * (mazes.at + 2)]
    return [np.full((PANEL, PANEL, 3), min(one, 255), np.uint8) for one in brightness]


@pytest.fixture
def camera() -> FilmRecorder:
    return FilmRecorder(Mazes(), shades)


def test_a_film_has_a_picture_per_step_and_keeps_ended_episodes_darkened(
    camera: FilmRecorder,
) -> None:
    camera.reset(seed=1)
    for _ in range(5):
        camera.step(np.zeros(2, np.int64))
    film = camera.film()
    assert film.shape == (6, PANEL, 2 * PANEL, 3)
    left, right = film[:, 0, 0, 0], film[:, 0, -1, 0]
    assert left.tolist() == [30, 60, 90, 30, 30, 30]
    assert right.tolist() == [60, 90, 120, 150, 180, 210]


def test_a_film_ends_even_if_its_episodes_do_not(camera: FilmRecorder) -> None:
    camera.reset()
    for _ in range(films.MAX_FRAMES + 50):
        camera.step(np.zeros(2, np.int64))
    assert len(camera.film()) == films.MAX_FRAMES


def test_a_film_can_be_longer_or_shorter() -> None:
    camera = FilmRecorder(Mazes(), shades, most=3)
    camera.reset()
    for _ in range(5):
        camera.step(np.zeros(2, np.int64))
    assert camera.panels().shape == (3, 2, PANEL, PANEL, 3)


@pytest.mark.parametrize(("panels", "size"), [(1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (5, (2, 3))])
def test_panels_are_laid_out_row_by_row(panels: int, size: tuple[int, int]) -> None:
    shades = np.arange(1, panels + 1, dtype=np.uint8)
    grid = films._grid(np.broadcast_to(shades[:, None, None, None], (panels, 2, 2, 3)))
    seen = grid[::2, ::2, 0]
    assert seen.shape == size
    assert seen.ravel().tolist() == [*shades.tolist(), *[0] * (seen.size - panels)]
