"""`chisel list`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from chisel.configs import ConfigError, experiments, registry, studies_by_need

HELP = """\
usage: chisel list

Lists everything that can be trained and studied, one line each, including what
other installed packages add. Studies are grouped by what they need."""

TITLES: dict[registry.Kind, str] = {
    "env": "environments",
    "corpus": "corpora",
    "model": "models",
    "algo": "algorithms",
    "evaluator": "evaluators",
    "label": "labels",
}
_NARROWEST, _WIDEST = 80, 100
"""Least and largest number of columns of text, whatever the terminal's width is."""


def run(arguments: Sequence[str]) -> None:
    """Print every name with its summary."""
    if arguments:
        raise ConfigError(f"{arguments[0]}: chisel list takes no arguments")
    sections = {"experiments": experiments()}
    for kind, title in TITLES.items():
        sections[title] = {name: _summary(kind, name) for name in registry.names(kind)}
    print("\n\n".join(_section(title, entries) for title, entries in sections.items() if entries))
    print(f"\n{studies()}")


def studies() -> str:
    """Return text that lists all studies with their summaries, grouped by what they need."""
    groups = studies_by_need().items()
    return "\n\n".join(_section(f"studies {need}", names) for need, names in groups)


def columns() -> int:
    """Return the number of columns for text: the terminal's width, from 80 to 100."""
    wide = shutil.get_terminal_size((_NARROWEST, 24)).columns
    return min(max(wide, _NARROWEST), _WIDEST)


def _summary(kind: registry.Kind, name: str) -> str:
    """Return a component's summary, or the error if its package can't be loaded."""
    try:
        return registry.get(kind, name).summary
    except ConfigError as error:
        return f"({error})"


def _section(title: str, entries: dict[str, str]) -> str:
    width = max(map(len, entries))
    indent, lines = " " * (width + 4), [title]
    for name, what in entries.items():
        start = f"  {name:{width}}  "
        lines += textwrap.wrap(what, columns(), initial_indent=start, subsequent_indent=indent)
    return "\n".join(lines)
