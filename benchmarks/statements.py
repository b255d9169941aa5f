"""`python -m benchmarks.statements`: count the statements of every room.

A statement is a node of Python's syntax tree that is an `ast.stmt`: an import, an assignment and a
call count one, and so does a `def`, `class`, `if`, `for`, `with` or `try`, besides the statements
in its bodies (`elif` is an `if` in an `else`). A string that stands alone counts nothing: it is the
docstring of a module, a class, a function or an attribute. Comments do not count either, and a
statement counts once, however many lines it takes. Tests and benchmarks are no rooms.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NO_ROOMS = {"benchmarks", "docs", "tests", "typing_links"}


def rooms() -> list[str]:
    """Return the names of the top-level folders that are packages, sorted, without `NO_ROOMS`."""
    return sorted({file.parent.name for file in ROOT.glob("*/__init__.py")} - NO_ROOMS)


def statements(source: str) -> int:
    """Count the statements of a file.

    Raises:
        SyntaxError: If it isn't Python.
    """
    nodes = ast.walk(ast.parse(source))
    return sum(isinstance(node, ast.stmt) and not _stands_alone(node) for node in nodes)


def statements_of(folder: str) -> int:
    """Count the statements of all Python files under a top-level folder, but not npm's packages."""
    return sum(
        statements(file.read_text(encoding="utf-8"))
        for file in (ROOT / folder).rglob("*.py")
        if "node_modules" not in file.parts
    )


def main() -> None:
    """Print one line per room, their total, and the tests beside it."""
    counts = {room: statements_of(room) for room in rooms()}
    total, tests = sum(counts.values()), statements_of("tests")
    for name, count in [*counts.items(), ("total", total), ("tests", tests)]:
        print(f"{name:<12}{count:>8,}")
    print(f"{'tests/total':<12}{tests / total:>8.2f}")


def _stands_alone(node: ast.stmt) -> bool:
    """Return whether a statement is a string that is no argument or value."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


if __name__ == "__main__":
    main()
