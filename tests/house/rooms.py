"""The rooms of the house and what the files in them import."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("analysis", "cli", "configs", "envs", "impact", "models", "routing", "trainers")


class Import(NamedTuple):
    """One import statement."""

    file: Path
    line: int
    module: str
    lazy: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports_of(room: str) -> list[Import]:
    """All imports in a room, those inside functions too; none for a room not built yet."""
    found: list[Import] = []
    for file in sorted((ROOT / room).glob("**/*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found.extend(_imports(file, tree, lazy=False))
    return found


def _imports(file: Path, node: ast.AST, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for name in child.names:
                yield Import(file, child.lineno, name.name, lazy)
        elif isinstance(child, ast.ImportFrom):
            yield Import(file, child.lineno, child.module or ".", lazy)
        elif not _only_for_types(child):
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(file, child, lazy=lazy or inside)


def _only_for_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` is never executed."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
