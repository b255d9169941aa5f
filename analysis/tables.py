"""How tables look in a terminal."""

from __future__ import annotations

from rich.table import Table


def new_table(title: str | None = None, caption: str | None = None) -> Table:
    """An empty table: no lines, the title in bold above it, the caption below, both on the left."""
    return Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=None,
    )
