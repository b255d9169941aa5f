"""Read the signature of a function from its file, without importing the file."""

from __future__ import annotations

import ast
import copy
import functools
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from chisel.configs.studies.options import LOADED, PROGRESS

_LIGHT = (*sys.stdlib_module_names, "chisel.configs")
"""Modules that may be imported to evaluate a signature; others are only parsed."""
MARKERS = {name: type(name, (), {}) for name in LOADED}
"""Classes that stand in for the annotations in `LOADED`."""


class UnreadableError(Exception):
    """A signature cannot be evaluated without importing its module."""


def read_function(path: str) -> Callable[..., Any]:
    """Return an empty function with the signature and docstring of the function at a path.

    Args:
        path: Path of the function, as `package.module:function`.

    Raises:
        UnreadableError: If the file is not found, or its signature cannot be evaluated from files.
    """
    module, _, name = path.partition(":")
    node = copy.deepcopy(_Module(module).statement(name))
    if not isinstance(node, ast.FunctionDef):
        raise UnreadableError(f"{path} is no plain function")
    signature = node.args
    for argument in (*signature.args, *signature.kwonlyargs):
        if argument.arg == PROGRESS:
            argument.annotation = None
    node.returns, node.decorator_list = None, []
    text = ast.Expr(ast.Constant(ast.get_docstring(node, clean=False) or ""))
    node.body = [ast.fix_missing_locations(ast.copy_location(text, node))]
    namespace = _names_in(signature, _Module(module))
    exec(compile(ast.Module([node], []), path, "exec"), namespace)
    found: Callable[..., Any] = namespace[name]
    return found


class _Module:
    """A module's parsed file, in which names are looked up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bindings = _bindings(_file_of(name))

    def statement(self, name: str) -> ast.stmt:
        """Return the statement that binds a name."""
        if name not in self.bindings:
            raise UnreadableError(f"{self.name} binds no {name}")
        return self.bindings[name]

    def value(self, name: str) -> Any:
        """Return the value of a name, if the file imports or assigns it."""
        if name in MARKERS:
            return MARKERS[name]
        match self.statement(name):
            case ast.ImportFrom(module=str(module), names=names):
                original = next(one.name for one in names if name in (one.asname, one.name))
                light = module.startswith(_LIGHT[-1]) or module.partition(".")[0] in _LIGHT
                source: Any = import_module(module) if light else _Module(module)
                return getattr(source, original) if light else source.value(original)
            case ast.Assign(value=expression) | ast.AnnAssign(value=ast.expr() as expression):
                return _value(expression, self)
        raise UnreadableError(f"{name} in {self.name} is neither imported nor assigned")


def _value(expression: ast.expr, module: _Module) -> Any:
    code = compile(ast.Expression(expression), module.name, "eval")
    return eval(code, _names_in(expression, module))


def _names_in(tree: ast.AST, module: _Module) -> dict[str, Any]:
    """Return the values of the names in a syntax tree that the module binds."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    names = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
    return {name: module.value(name) for name in names & {*module.bindings, *MARKERS}}


@functools.cache
def _bindings(file: Path) -> Mapping[str, ast.stmt]:
    """Return the top-level statement of a file that binds each name."""
    try:
        statements = ast.parse(file.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableError(f"{file} cannot be read: {error}") from error
    found: dict[str, ast.stmt] = {}
    for one in statements:
        match one:
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                found |= {alias.asname or alias.name: one for alias in names}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = one
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = one
    return found


def _file_of(module: str) -> Path:
    """Return a module's file, without importing its parents as `importlib.util.find_spec` does."""
    home, parts = None, module.split(".")
    for number in range(1, len(parts) + 1):
        name = ".".join(parts[:number])
        finders = (one for one in sys.meta_path if hasattr(one, "find_spec"))
        spec = next(filter(None, (one.find_spec(name, home) for one in finders)), None)
        if spec is None:
            raise UnreadableError(f"there is no module {name}")
        home = spec.submodule_search_locations
    if not spec or not spec.origin:
        raise UnreadableError(f"{module} has no file")
    return Path(spec.origin)
