"""Keep the pictures of a page small: few colours, and none beyond the size of the page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from PIL import Image, UnidentifiedImageError

from chisel.analysis.report.page import Panel, Section

LARGEST = 3_400_000
"""Number of bytes of all pictures of a page, which base64 makes 4/3 as many: below 5 MB in all."""


def with_small_pictures(sections: Sequence[Section], largest: int = LARGEST) -> list[Section]:
    """Return sections with pictures of 256 colours, where that is smaller.

    If they are still too large together, the largest ones become empty, and the page names them.
    """
    small = [
        [_shrunk(panel.found.figures) if panel.found else {} for panel in section.panels]
        for section in sections
    ]
    sizes = sorted(len(one) for panels in small for figures in panels for one in figures.values())
    kept = [size for size, sum_ in zip(sizes, accumulate(sizes), strict=True) if sum_ <= largest]
    limit = kept[-1] if kept else 0
    return [
        replace(
            section,
            panels=[
                _with(panel, {k: v if len(v) <= limit else b"" for k, v in figures.items()})
                for panel, figures in zip(section.panels, panels, strict=True)
            ],
        )
        for section, panels in zip(sections, small, strict=True)
    ]


def _with(panel: Panel, figures: Mapping[str, bytes]) -> Panel:
    return replace(panel, found=panel.found and replace(panel.found, figures=figures))


def _shrunk(figures: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: _few_colours(content) for name, content in figures.items()}


def _few_colours(content: bytes) -> bytes:
    """Return a PNG with a palette, if it is smaller; other files as they are."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.format != "PNG":
                return content
            found = io.BytesIO()
            image.convert("RGB").quantize(dither=Image.Dither.NONE).save(
                found, "png", optimize=True
            )
    except UnidentifiedImageError:
        return content
    return min(content, found.getvalue(), key=len)
