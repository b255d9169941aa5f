"""Films as animated GIFs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.analysis.results.disk import write_file


def write_gif(path: Path, frames: NDArray[np.uint8], fps: int) -> None:
    """Write frames `[T, H, W, 3]` as an animated GIF that repeats for ever.

    Raises:
        ValueError: If the frames have another shape or type.
        CheckpointError: If the disk refuses.
    """
    from PIL import Image

    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise ValueError(f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {frames.shape}")
    # One palette for all, without dithering: only what moves takes room in the file.
    middle = Image.fromarray(frames[len(frames) // 2]).quantize()
    first, *others = [
        Image.fromarray(frame).quantize(palette=middle, dither=Image.Dither.NONE)
        for frame in frames
    ]
    film, pause = io.BytesIO(), round(1000 / fps)
    first.save(film, "gif", save_all=True, append_images=others, duration=pause, loop=0)
    write_file(path, film.getvalue())


def frames_of(figures: Sequence[Figure]) -> NDArray[np.uint8]:
    """Figures of one size as frames `[T, H, W, 3]`."""
    frames = []
    for figure in figures:
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return np.stack(frames)
