"""Keep the pictures of a page small, with few colours and a limit on their total size."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from PIL import Image, UnidentifiedImageError

from chisel.analysis.report.page import Panel, Section

LARGEST = 3_400_000
"""Largest number of bytes of all pictures of a page together. Base64 makes 4/3 as many of them, so
that they stay below 5 MB."""


def with_small_pictures(sections: Sequence[Section], largest: int = LARGEST) -> list[Section]:
    """Return sections in which pictures have 256 colours, if that makes them smaller.

    If all pictures together are still too large, the largest become empty, and the page names them.
    """
    figures = {
        (number, place): _shrunk(panel.found.figures)
        for number, section in enumerate(sections)
        for place, panel in enumerate(section.panels)
        if panel.found
    }
    sizes = {(key, name): len(one) for key, some in figures.items() for name, one in some.items()}
    order = sorted(sizes, key=lambda one: sizes[one])
    together = accumulate(sizes[one] for one in order)
    for (key, name), size in zip(order, together, strict=True):
        if size > largest:
            figures[key][name] = b""
    return [
        replace(
            section,
            panels=[
                _with(panel, figures.get((number, place), {}))
                for place, panel in enumerate(section.panels)
            ],
        )
        for number, section in enumerate(sections)
    ]


def _with(panel: Panel, figures: Mapping[str, bytes]) -> Panel:
    return replace(panel, found=panel.found and replace(panel.found, figures=figures))


def _shrunk(figures: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: _few_colours(content) for name, content in figures.items()}


def _few_colours(content: bytes) -> bytes:
    """Return a PNG with a palette, if that is smaller; return other files unchanged."""
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
