"""Parts of pages that follow from the program: options, commands, experiments, studies, rooms.

Every function returns Markdown.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import griffe
from rooms import Rooms

from chisel import configs
from chisel.analysis import ledger
from chisel.analysis.results import options_of
from chisel.analysis.results.options import as_typed
from chisel.cli.main import COMMANDS
from chisel.cli.main import main as chisel

ROOT = Path(__file__).parents[2]
ROOMS = ("envs", "corpora", "models", "routing", "impact", "trainers", "analysis", "configs")
"""Rooms with a page of their own among the pages about Python."""
COMPONENTS = ("env", "corpus", "model", "algo")
_TYPES = {int: "whole number", float: "number", bool: "true or false", str: "text", Any: "mapping"}


def options(schema: str, prefix: str = "", base: str = "") -> str:
    """Return a table of the options in a dataclass of `chisel.configs.schema`.

    Args:
        schema: Name of the class.
        prefix: Beginning of the options' keys, like `env.`.
        base: Class whose options are left out.
    """
    known = {one.name for one in fields(getattr(configs, base))} if base else set()
    return _table(
        ("key", "takes", "default", "meaning"),
        (row for key, *row in _options(getattr(configs, schema), prefix) if key not in known),
    )


def _options(schema: type, prefix: str) -> Iterable[tuple[str, str, str, str, str]]:
    hints, said = get_type_hints(schema), _meanings(schema)
    for field in fields(schema):
        default, key = _default(field), f"{prefix}{field.name}"
        if is_dataclass(default) and not isinstance(default, type):
            for _, *row in _options(type(default), f"{key}."):
                yield field.name, *row
        elif field.name not in COMPONENTS and (field.name != "name" or not prefix):
            shown = "" if default is MISSING else f"`{as_typed(default)}`"
            yield field.name, f"`{key}`", _takes(hints[field.name]), shown, said[field.name]


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _takes(hint: Any) -> str:
    origin, members = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in members)
    if origin in (Union, UnionType):
        return ", ".join("`null`" if one is NoneType else _takes(one) for one in members)
    if origin in (tuple, list):
        return f"list of {_takes(members[0])}s".replace("texts", "names")
    return _TYPES.get(hint, "mapping")


@cache
def _meanings(schema: type) -> dict[str, str]:
    """Return what stands below each option of a dataclass."""
    module = _chisel()[schema.__module__.removeprefix("chisel.")]
    bases = [_meanings(base) for base in schema.__bases__ if is_dataclass(base)]
    own = {
        name: " ".join(one.docstring.value.split()).replace("|", "\\|")
        for name, one in module[schema.__name__].attributes.items()
        if one.docstring
    }
    return {name: text for said in (*bases, own) for name, text in said.items()}


@cache
def _chisel() -> Any:
    return griffe.load(
        "chisel",
        search_paths=[ROOT / "typing_links"],
        extensions=griffe.load_extensions(Rooms),
        try_relative_path=False,  # `chisel/` without its rooms
    )


def commands() -> str:
    """Return the help of every command."""
    parts = []
    for name, (_, summary) in COMMANDS.items():
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            chisel([name, "--help"])
        parts.append(f"### `chisel {name}`\n\n{summary}\n\n```text\n{printed.getvalue().strip()}\n```")
    return "\n\n".join(parts)


def experiments() -> str:
    """Return what each experiment is, and its file."""
    parts = []
    for name, summary in configs.experiments().items():
        text = (ROOT / f"configs/{name}.yaml").read_text().strip()
        parts.append(f"### `{name}`\n\n{summary}.\n\n```yaml\n{text}\n```")
    return "\n\n".join(parts)


def studies() -> str:
    """Return what each study measures, and its options."""
    return "\n\n".join(_study(name) for name in configs.registry.names("study"))


def _study(name: str) -> str:
    function = configs.registry.resolve("study", name)
    about = (function.__doc__ or "").partition("Args:\n")[0]
    rows = (
        (
            f"`{one.name}`",
            one.takes,
            "needed" if one.needed else f"`{as_typed(one.default)}`",
            one.meaning.replace("|", "\\|"),
        )
        for one in options_of(name, function).values()
    )
    text = "\n".join(line.strip() for line in about.strip().splitlines())
    return f"### `{name}`\n\n{text}\n\n" + _table(("option", "takes", "default", "meaning"), rows)


def gallery() -> str:
    """Return the figures of all pages of results, each with the command that makes it."""
    parts = []
    for file in sorted((ROOT / "docs/reproductions").glob("*.yaml")):
        page = configs.read_page(str(file))
        title = page.text.read_text().partition("\n")[0].removeprefix("# ")
        for name, entry in page.measurements.items():
            command = entry.command(ledger.weights_of(page, name, Path("runs")))
            for figure in entry.figures:
                parts.append(
                    f"![{figure}](figures/{figure})\n\n*On [{title}](reproductions/{page.text.name}).*"
                    f"\n\n```bash\n{command}\n```"
                )
    return "\n\n".join(parts)


def rooms() -> str:
    """Return a list of the rooms with what each is for."""
    return "\n".join(
        f"- [`chisel.{room}`](api/{room}.md): {_first(_chisel()[room])}" for room in ROOMS
    )


def room(name: str) -> str:
    """Return the page of a room: what it and its packages offer."""
    packages = [one for one in _packages(_chisel()[name]) if one.exports]
    sections = [
        "\n\n".join(
            [
                f"## `{one.path}`",
                one.docstring.value if one.docstring else "",
                *(f"::: {one.path}.{offered}" for offered in _offered(one)),
            ]
        )
        for one in packages
    ]
    return "\n\n".join([f"# `chisel.{name}`", *sections])


def _packages(package: Any) -> Iterable[Any]:
    yield package
    for _, member in sorted(package.modules.items()):
        if member.is_package and not member.name.startswith("_"):
            yield from _packages(member)


def _offered(package: Any) -> list[str]:
    """Return the documented classes and functions that a package offers."""
    found = []
    for name in map(str, package.exports):
        with contextlib.suppress(griffe.AliasResolutionError):  # constants of a tuple assignment
            member = package[name]
            if (member.is_class or member.is_function) and member.docstring:
                found.append(name)
    return found


def _first(module: Any) -> str:
    return str(module.docstring.value).split("\n\n")[0].replace("\n", " ")


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
