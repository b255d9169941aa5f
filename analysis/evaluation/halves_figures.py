"""Pictures beside what is left of them in each half of a split encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.corpora import HALVES, Examples, half_of
from chisel.models import HalvesAutoencoder

_EACH = 3
"""Pictures of every digit."""
_ROWS = ("picture", "decoder", "first half", "second half")
_TITLES = {"low": "digits 0 to 4", "high": "digits 5 to 9"}
_GAP = 0.15
"""Between pictures, as a share of their side."""


def reconstructions_figure(model: HalvesAutoencoder, examples: Examples) -> Figure:
    """Two blocks, low and high digits: pictures, decoder, and the certificates of both halves.

    The first few pictures of every digit are shown, not chosen ones.
    """
    figure = Figure(figsize=(7.5, 4.3), layout="constrained")
    axes: Any = figure.subplots(len(HALVES), 1)
    for number, half in enumerate(HALVES):
        images = torch.from_numpy(examples.images[_first_few(examples, number)])
        with torch.no_grad():
            made = model(images)
        rows = [part.numpy() for part in (images, made.decoded, made.first, made.second)]
        side = images.shape[1]
        gap = round(_GAP * side)
        ax = axes[number]
        ax.imshow(_mosaic(rows, gap), cmap="gray_r", vmin=-1, vmax=1)
        ax.set_yticks([row * (side + gap) + side / 2 for row in range(len(rows))], _ROWS)
        ax.set_xticks([])
        ax.tick_params(length=0, labelsize=8)
        ax.spines[:].set_visible(False)
        ax.set_title(_TITLES[half], fontsize=9)
    return figure


def _mosaic(rows: Sequence[NDArray[np.float32]], gap: int) -> NDArray[np.float32]:
    """Rows of pictures `[N, H, W]` as one picture, on white."""
    padded = [np.pad(row, ((0, 0), (0, gap), (0, gap)), constant_values=-1) for row in rows]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in padded], axis=0)


def _first_few(examples: Examples, half: int) -> NDArray[np.intp]:
    """Indices of pictures of each digit of a half, digit by digit."""
    digits = [digit for digit in np.unique(examples.digits) if half_of(digit) == half]
    return np.concatenate([np.flatnonzero(examples.digits == d)[:_EACH] for d in digits])
