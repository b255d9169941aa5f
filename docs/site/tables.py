"""Parts of pages that follow from the program: options, commands, experiments, studies, rooms.

Every function returns Markdown.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
from collections.abc import Collection, Iterable, Sequence
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
from chisel.cli.main import COMMANDS
from chisel.cli.main import main as chisel

ROOT = Path(__file__).parents[2]
ROOMS = ("envs", "corpora", "models", "routing", "impact", "trainers", "analysis", "configs")
COMPONENTS: dict[configs.registry.Kind, str] = {
    "env": "Environments",
    "corpus": "Corpora",
    "model": "Networks",
    "algo": "Algorithms",
}
_TYPES = {int: "whole number", float: "number", bool: "true or false", str: "text", Any: "mapping"}


def options() -> str:
    """Return the options of a run, of all components, and of SLURM's jobs."""
    groups = [one for one in fields(configs.RunConfig) if is_dataclass(_default(one))]
    parts = ["## The run", _options(configs.RunConfig, "", {one.name for one in groups})]
    for kind, title in COMPONENTS.items():
        parts.append(f"## {title} (`{kind}.*`)")
        for name in configs.registry.names(kind):
            schema = configs.registry.get(kind, name).schema
            if schema is not None:  # always, of these kinds
                parts += [f"### `{kind}.name={name}`", *_section(schema, f"{kind}.")]
    for group in groups:
        schema = type(_default(group))
        parts += [f"## `{group.name}.*`", *_section(schema, f"{group.name}.")]
    parts += ["## `slurm.*`", *_section(configs.SlurmConfig, "slurm.")]
    return "\n\n".join(parts)


def _section(schema: type, prefix: str) -> tuple[str, str]:
    """Return what a dataclass is about, and its options that no base of it has listed."""
    registry = configs.registry
    listed = {registry.get(kind, one).schema for kind in COMPONENTS for one in registry.names(kind)}
    bases = [one.name for base in schema.__mro__[1:] if base in listed for one in fields(base)]
    return inspect.cleandoc(schema.__doc__ or ""), _options(schema, prefix, {"name", *bases})


def _options(schema: type, prefix: str, without: Collection[str]) -> str:
    head = ("key", "takes", "default", "meaning")
    return _table(head, _rows(schema, prefix, {*COMPONENTS, *without}))


def _rows(schema: type, prefix: str, without: Collection[str]) -> Iterable[Sequence[str]]:
    hints, said = get_type_hints(schema), _meanings(schema)
    for field in fields(schema):
        default, key = _default(field), f"{prefix}{field.name}"
        if field.name in without:
            continue
        if is_dataclass(default):
            yield from _rows(type(default), f"{key}.", ())
        else:
            yield f"`{key}`", _takes(hints[field.name]), _code(default), said[field.name]


def _code(value: Any) -> str:
    if value in (MISSING, "", ()):
        return ""
    parts = value if isinstance(value, list | tuple) else [value]
    return f"`{','.join(one if isinstance(one, str) else json.dumps(one) for one in parts)}`"


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
        said = printed.getvalue().strip()
        parts.append(f"### `chisel {name}`\n\n{summary}\n\n```text\n{said}\n```")
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
            "needed" if one.needed else _code(one.default),
            one.meaning.replace("|", "\\|"),
        )
        for one in options_of(name, function).values()
    )
    text = "\n".join(line.strip() for line in about.strip().splitlines())
    return f"### `{name}`\n\n{text}\n\n" + _table(("option", "takes", "default", "meaning"), rows)


def gallery() -> str:
    """Return the figures of all pages of results, each with the command that makes it.

    Figures that the gallery itself shows are left out.
    """
    parts, shown = [], (ROOT / "docs/gallery.md").read_text()
    for file in sorted((ROOT / "docs/reproductions").glob("*.yaml")):
        page = configs.read_page(str(file))
        title = page.text.read_text().partition("\n")[0].removeprefix("# ")
        source = f"*On [{title}](reproductions/{page.text.name}).*"
        for key, entry in page.measurements.items():
            command = entry.command(ledger.weights_of(page, key, Path("runs")))
            for picture in (f"![{name}](figures/{name})" for name in entry.figures):
                if picture not in shown:
                    parts.append(f"{picture}\n\n{source}\n\n```bash\n{command}\n```")
    return "\n\n".join(parts)


def rooms() -> str:
    """Return a list of the packages that offer something, with what each is for."""
    return "\n".join(
        f"- [`chisel.{name}`](api/{name}.md): {_first(package)}"
        for name, package in packages().items()
    )


@cache
def packages() -> dict[str, Any]:
    """Return the packages of the rooms that offer something, by their names within `chisel`."""
    return {
        one.path.removeprefix("chisel."): one
        for room in ROOMS
        for one in _packages(_chisel()[room])
        if one.exports
    }


def package(name: str) -> str:
    """Return the page of a package: what it offers."""
    found = packages()[name]
    offered = [f"::: {found.path}.{one}" for one in _offered(found)]
    return "\n\n".join([f"# `{found.path}`", found.docstring.value, *offered])


def _packages(package: Any) -> Iterable[Any]:
    yield package
    for _, member in sorted(package.modules.items()):
        if member.is_init_module:
            yield from _packages(member)


def _offered(package: Any) -> list[str]:
    """Return the documented classes and functions that a package offers, without options."""
    found = []
    for name in map(str, package.exports):
        with contextlib.suppress(griffe.AliasResolutionError):  # constants of a tuple assignment
            member = package[name]
            shown = (member.is_class or member.is_function) and member.docstring
            if shown and ".schema." not in member.canonical_path:
                found.append(name)
    return found


def _first(module: Any) -> str:
    return str(module.docstring.value).split("\n\n")[0].replace("\n", " ")


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
