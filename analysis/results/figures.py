"""Saving figures without any global plotting state."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from chisel.analysis.results.disk import write_file

DPI = 150


def save_figure(figure: Figure, path: Path, origin: str) -> Path:
    """Write a PNG.

    Args:
        figure: Any figure made without pyplot.
        path: The target.
        origin: Where it comes from (checkpoint digest, seed); kept inside the file.

    Raises:
        CheckpointError: If the disk refuses.
    """
    FigureCanvasAgg(figure)
    metadata = {"Software": "Chisel", "Description": origin}
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata=metadata, facecolor="white")
    return write_file(path, picture.getvalue())
