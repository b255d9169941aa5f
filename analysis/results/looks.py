"""Fit a figure to a page, a slide or a dark screen."""

from __future__ import annotations

import itertools
import pickle
import textwrap
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

SMALLEST = 7.0
"""Smallest size of a figure's text in points, which journals require."""
_SLIDES = 1.4
"""Factor of the size of text and lines on slides, which are read from afar."""
_THINNEST = 0.5
"""Smallest width of a line in points."""
_INCH = 25.4
_WIDER = (130.0, 174.0, 260.0)
"""Widths in mm that are tried if a figure does not fit into the requested one."""
_OVER = 0.04
"""Number of inches by which something may reach over the edge of a figure."""
_NARROWEST = 0.5
"""Width in inches below which a panel is too narrow to read."""
_NIGHT, _DAY = "#16161d", "#e9e9f0"
"""Background of dark figures, and the colour in them of what is black in others."""
_COLOURLESS = 0.12
"""Largest difference between two parts of RGB for which a colour counts as grey."""
_BRIGHT = 0.45
"""Luminance towards which darker colours are lightened on a dark background."""


@dataclass(frozen=True)
class Look:
    """Style and width of a figure."""

    style: str = "paper"
    """One of the words that `STYLE` allows."""
    width: float | None = None
    """Width in mm; `None` keeps the width with which it was drawn."""

    def fitted(self, figure: Figure) -> Figure:
        """Return the figure with this width, and with sizes and colours of text and lines to suit.

        Text shrinks with the width, but not below `SMALLEST`. If that is too large for the width,
        the figure becomes as wide as necessary.
        """
        if self.width is None:
            self._apply(figure, 1.0)
            return figure
        drawn = figure.get_figwidth() * _INCH
        original = pickle.dumps(figure)
        for width in sorted({self.width, *(one for one in _WIDER if one > self.width), drawn}):
            figure = pickle.loads(original)
            self._apply(figure, width / drawn)
            if _fits(figure) or width >= drawn:
                break
        return figure

    def _apply(self, figure: Figure, scale: float) -> None:
        """Scale a figure in place.

        It becomes higher if its text could not shrink, unless its axes have a fixed aspect, as
        images have.
        """
        larger = 1.0 if self.style == "paper" else _SLIDES
        written = _scale_text(figure, scale * larger)
        _scale_lines(figure, scale * larger)
        square = any(ax.get_aspect() != "auto" for ax in _axes(figure))
        room = 1.0 if square else max(1.0, written / scale) ** 0.5
        width, height = figure.get_size_inches()
        figure.set_size_inches(width * scale, height * scale * room)
        if scale != 1.0 or larger != 1.0:
            _wrap_titles(figure)
        if self.style == "dark":
            _darken(figure)


def _fits(figure: Figure) -> bool:
    """Return whether everything is inside a figure, and no axes are too narrow to read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied")
        try:
            figure.draw_without_rendering()
        except UserWarning:
            return False
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    inside = min(box.x0, box.y0) > -_OVER and box.x1 < width + _OVER and box.y1 < height + _OVER
    panels = (ax for ax in figure.axes if ax.axison and ax.get_label() != "<colorbar>")
    widths = [ax.get_window_extent().width / figure.dpi for ax in panels]
    crowded = any(_overlap(ax) for ax in _axes(figure))
    return inside and not crowded and min(widths, default=_NARROWEST) >= _NARROWEST


def _overlap(ax: Axes) -> bool:
    """Return whether labels of the horizontal axis overlap."""
    labels = [one for one in ax.get_xticklabels() if one.get_text() and one.get_visible()]
    boxes = [one.get_window_extent() for one in labels]
    return any(one.x1 > other.x0 for one, other in itertools.pairwise(boxes))


def _wrap_titles(figure: Figure) -> None:
    """Break titles that are wider than their figure or axes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "constrained_layout not applied")
        figure.draw_without_rendering()
    titles = [(ax.title, ax.get_window_extent().width) for ax in _axes(figure)]
    above = figure.get_suptitle()
    titles += [(one, figure.bbox.width) for one in figure.texts if one.get_text() == above]
    for title, room in titles:
        lines = title.get_text().split("\n")
        taken = title.get_window_extent().width
        if taken > room > 0:
            longest = int(max(map(len, lines)) * room / taken)
            broken = (textwrap.wrap(one, max(longest, 8), break_long_words=False) for one in lines)
            title.set_text("\n".join(line for some in broken for line in some))


def _axes(figure: Figure) -> list[Axes]:
    """Return all axes of a figure, including axes inside of others, such as some colour bars."""
    return figure.findobj(Axes)


def _scale_text(figure: Figure, scale: float) -> float:
    """Scale all text, none below `SMALLEST`; return the mean of the factors."""
    done: set[Text] = set()
    for axis in (one for ax in _axes(figure) for one in (ax.xaxis, ax.yaxis)):
        labels = axis.get_ticklabels(which="both")
        done |= set(labels)
        if labels:
            size = max(SMALLEST, float(labels[0].get_fontsize()) * scale)
            axis.set_tick_params(which="both", labelsize=size)
    factors = [scale]
    for text in figure.findobj(Text):
        if text not in done and text.get_text():
            before = float(text.get_fontsize())
            text.set_fontsize(max(SMALLEST, before * scale))
            factors.append(float(text.get_fontsize()) / before)
    return float(np.mean(factors))


def _scale_lines(figure: Figure, scale: float) -> None:
    for line in figure.findobj(Line2D):
        if line.get_linewidth():
            line.set_linewidth(max(_THINNEST, line.get_linewidth() * scale))
        line.set_markersize(line.get_markersize() * max(scale, 0.5))


def _darken(figure: Figure) -> None:
    """Make a figure dark: invert grey colours, and lighten colours that are too dark.

    Text and lines on images, and in coloured cells, do not change.
    """
    kept = {one for ax in _axes(figure) if _is_picture(ax) for one in _drawn_in(ax)}
    for artist in figure.findobj():
        if artist not in kept:
            _recolour(artist)
    figure.set_facecolor(_NIGHT)
    for ax in _axes(figure):
        ax.tick_params(which="both", colors=_DAY, labelcolor=_DAY)


def _is_picture(ax: Axes) -> bool:
    cells = (one for one in ax.collections if one.get_array() is not None)
    return bool(ax.images) or any(cells)


def _drawn_in(ax: Axes) -> list[Artist]:
    """Return the artists in axes and their background, without title and labels."""
    own = [ax.patch, *ax.texts, *ax.lines, *ax.patches, *ax.collections, *ax.images]
    return [part for one in own for part in one.findobj()]


def _recolour(artist: Any) -> None:
    """Change the colours of an artist to those on a dark page."""
    if isinstance(artist, Text | Line2D):
        artist.set_color(_at_night(artist.get_color()))
    if isinstance(artist, Line2D):
        artist.set_markerfacecolor(_at_night(artist.get_markerfacecolor()))
        artist.set_markeredgecolor(_at_night(artist.get_markeredgecolor()))
    if isinstance(artist, Patch):
        artist.set(
            facecolor=_at_night(artist.get_facecolor()), edgecolor=_at_night(artist.get_edgecolor())
        )
    if isinstance(artist, Collection) and artist.get_array() is None:
        artist.set_facecolor([_at_night(one) for one in artist.get_facecolor()])
        artist.set_edgecolor([_at_night(one) for one in artist.get_edgecolor()])


def _at_night(colour: Any) -> Any:
    """Return the colour that replaces this one on a dark page, with the same opacity."""
    if isinstance(colour, str) and colour == "none":
        return colour
    *parts, alpha = to_rgba(colour)
    rgb = np.array(parts)
    if np.ptp(rgb) <= _COLOURLESS:
        night, day = np.array(to_rgba(_NIGHT)[:3]), np.array(to_rgba(_DAY)[:3])
        return (*(day + (night - day) * rgb.mean()), alpha)
    dim = max(0.0, _BRIGHT - float(rgb @ (0.3, 0.59, 0.11)))
    return (*(rgb + (1 - rgb) * dim), alpha)
