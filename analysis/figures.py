"""Saving figures without any global plotting state."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 150


def save_figure(figure: Figure, path: Path, origin: str) -> Path:
    """Write a PNG.

    Args:
        figure: Any figure made without pyplot.
        path: The target.
        origin: Where it comes from (checkpoint digest, seed); kept inside the file.
    """
    FigureCanvasAgg(figure)
    metadata = {"Software": "Chisel", "Description": origin}
    figure.savefig(path, dpi=DPI, metadata=metadata, facecolor="white")
    return path
