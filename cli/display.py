"""Tables in the terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

WIDTH_OF_FILES = 140
"""Columns when standard output is no terminal and has no width of its own."""


def print_table(table: Table) -> None:
    """Print a table to standard output."""
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES).print(table)
