"""The rooms of the house, what the files in them import, and the rules about that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "analysis",
    "cli",
    "configs",
    "corpora",
    "envs",
    "impact",
    "lab",
    "models",
    "routing",
    "trainers",
)
NAME = "chisel"

BLIND = (
    "analysis.ablation",
    "analysis.attribution",
    "analysis.interventions",
    "analysis.localization",
    "analysis.probes",
    "analysis.results",
    "analysis.steering",
)
"""Rooms that know no world: they import no environment and no room that does."""


class Import(NamedTuple):
    """One name that an import statement brings in."""

    file: str
    """The file that imports, from the root of the repository."""
    line: int
    module: str
    """What is imported, dotted; a room of ours without `chisel.`, so `envs.maze` or `torch.nn`."""
    door: str
    """What the statement says it imports from: of `from envs.maze import paths`, `envs.maze`."""
    ours: bool
    lazy: bool
    """Whether it is imported inside a function."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def room(self) -> str:
        """The room of the file that imports."""
        return self.file.partition("/")[0]

    @property
    def home(self) -> str:
        """The file that imports, as a module: `analysis.maze.fields`."""
        return module_of(self.file)


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def files() -> dict[str, str]:
    """The text of every Python file of every room, by its path."""
    found = [
        path
        for room in ROOMS
        for path in sorted((ROOT / room).glob("**/*.py"))
        if "node_modules" not in path.parts
    ]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in found}


def imports_of(sources: dict[str, str], only: str | None = None) -> list[Import]:
    """All imports of files, those inside functions too, without those for type checkers.

    With `only`, the imports of that file alone; the others still say which modules there are.
    """
    modules = {module_of(file) for file in sources}
    return [
        one
        for file, text in sources.items()
        if only in (None, file)
        for one in _imports(file, ast.parse(text), modules, lazy=False)
    ]


def _imports(file: str, node: ast.AST, modules: set[str], *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for name, door in dict.fromkeys(_names(child, modules)):
                ours = name == NAME or name.startswith(f"{NAME}.")
                yield Import(file, child.lineno, _short(name), _short(door), ours, lazy)
        elif not _only_for_types(child):
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(file, child, modules, lazy=lazy or inside)


def _names(node: ast.Import | ast.ImportFrom, modules: set[str]) -> Iterator[tuple[str, str]]:
    """What a statement imports, and from where: of `from a import b`, `a.b` if that is a module."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, alias.name) for alias in node.names)
        return
    door = node.module or "."
    for alias in node.names:
        inner = f"{door}.{alias.name}"
        if door == NAME:
            yield inner, inner
        else:
            yield (inner if _short(inner) in modules else door), door


def _short(name: str) -> str:
    return name.removeprefix(f"{NAME}.")


def _only_for_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` is never executed."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
