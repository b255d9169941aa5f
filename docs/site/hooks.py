"""Hooks by which mkdocs builds the site: navigation, pages from elsewhere, generated parts.

The list of pages on docs/README.md is the navigation, so a page that is listed there has its place
on the site. Pages outside of docs/ and notebooks become pages of the site, and links follow them.
A line `<!-- generated: NAME -->` on a page, with a line in italics above it that says where to see
that part, is replaced by what the function `NAME` of `tables.py` returns.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import notebook
import tables
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from chisel.lab import offline_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ELSEWHERE = {
    "README.md": "project/readme.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "agents/README.md": "project/agents.md",
    "tests/QUARANTINES.md": "project/quarantines.md",
}
"""Pages that lie outside of docs/, by their path in the repository, and their paths on the site."""
GENERATED: dict[str, Callable[[], str]] = {
    "commands": tables.commands,
    "demo": lambda: "**[Open the demo](../demo.html)**: it runs in your browser.",
    "experiments": tables.experiments,
    "gallery": tables.gallery,
    "options": tables.options,
    "rooms": tables.rooms,
    "studies": tables.studies,
}

DEMO = ("maze-routed-dropping/seed-10", "maze-quick/seed-0")
"""Shipped agents of the lab that runs on the site."""

_ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#]+)\)", re.MULTILINE)
_FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)
_LINK = re.compile(
    r"(!?)\[((?:[^\[\]]|!?\[[^\]]*\](?:\([^)]*\))?)*)\]"  # text, which may hold links itself
    r"\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)"
)
_MARK = re.compile(r"(?:^\*.*\*\n\n)?^<!-- generated: (\w+) -->$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> None:
    """Read the navigation from the list of all pages."""
    config.nav = list(_navigation((DOCS / "README.md").read_text()))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in docs/ as Markdown, and the lab that runs on the site."""
    for path, uri in ELSEWHERE.items():
        files.append(File.generated(config, uri, content=(ROOT / path).read_text()))
    for path in sorted(DOCS.glob("notebooks/*.ipynb")):
        uri = path.relative_to(DOCS).with_suffix(".md").as_posix()
        files.append(File.generated(config, uri, content=notebook.markdown(path)))
    for name in tables.packages():
        uri = f"reference/api/{name}.md"
        files.append(File.generated(config, uri, content=tables.package(name)))
    demo = offline_page([ROOT / "agents" / name for name in DEMO])
    files.append(File.generated(config, "demo.html", content=demo))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is generated, and change links to pages that lie elsewhere on the site."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]  # the page is the list of all pages
    filled = _MARK.sub(lambda mark: GENERATED[mark[1]](), markdown)
    uri = page.file.src_uri
    parts = _FENCE.split(filled)
    parts[::2] = [_LINK.sub(lambda link: _on_site(link, uri), text) for text in parts[::2]]
    parts[1::2] = [_FILE.sub(r'```\1 title="\2"', fence) for fence in parts[1::2]]
    return "".join(parts)


def _navigation(index: str) -> Iterable[dict[str, Any]]:
    """Yield each section of the index with its pages; a third-level heading is a group."""
    home: dict[str, Any] = {"Home": "README.md"}
    yield home
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        loose, *groups = re.split(r"^### ", text, flags=re.MULTILINE)
        entries = _entries(loose)
        for group in groups:
            name, _, pages = group.partition("\n")
            entries.append({name: _entries(pages)})
        if title == "Reference":
            names = [{f"chisel.{name}": f"reference/api/{name}.md"} for name in tables.packages()]
            entries.append({"Python": names})
        yield {title: entries}


def _entries(text: str) -> list[dict[str, Any]]:
    return [{title: _uri(target, "README.md")} for title, target in _ENTRY.findall(text)]


def _uri(target: str, source: str) -> str:
    """Return the path on the site of what a page of the repository links to."""
    home = {uri: path for path, uri in ELSEWHERE.items()}.get(source, f"docs/{source}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(home), target))
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    if path.startswith("docs/"):
        return re.sub(r"\.ipynb$", ".md", path.removeprefix("docs/"))
    return ""


def _on_site(link: re.Match[str], source: str) -> str:
    """Return a link as the site needs it; of one to a file that is not there, its text."""
    picture, text, target, anchor = link.groups()
    text = _LINK.sub(lambda inner: _on_site(inner, source), text)
    uri = _uri(target, source)
    if not uri:
        return text
    path = posixpath.relpath(uri, posixpath.dirname(source) or ".")
    return f"{picture}[{text}]({path}{anchor or ''})"
