"""`chisel list`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.configs import ConfigError, experiments, registry

HELP = """\
usage: chisel list

Names everything that can be trained and studied, one line each, with what other installed packages
add."""

TITLES: dict[registry.Kind, str] = {
    "env": "environments",
    "corpus": "corpora",
    "model": "models",
    "algo": "algorithms",
    "evaluator": "evaluators",
    "label": "labels",
    "study": "studies",
}


def run(arguments: Sequence[str]) -> None:
    """Print every name with its summary."""
    if arguments:
        raise ConfigError(f"{arguments[0]}: chisel list takes nothing more")
    sections = {"experiments": experiments()}
    for kind, title in TITLES.items():
        sections[title] = {name: _summary(kind, name) for name in registry.names(kind)}
    print("\n\n".join(_section(title, entries) for title, entries in sections.items() if entries))


def _summary(kind: registry.Kind, name: str) -> str:
    """Return a summary; that of a plug-in that can't be loaded is its fault."""
    try:
        return registry.get(kind, name).summary
    except ConfigError as error:
        return f"({error})"


def _section(title: str, entries: dict[str, str]) -> str:
    width = max(map(len, entries))
    return "\n".join([title, *(f"  {name:{width}}  {what}" for name, what in entries.items())])
