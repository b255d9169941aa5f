"""Build the page from a template, with a function for each part; all inserted text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from chisel.analysis.report.collect import Findings

_CONFIGS = "Configs"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; color: #14141f; margin: 2em auto; padding: 0 1.5em;
  max-width: 1600px; }}
h2 {{ border-bottom: 2px solid #14141f; margin-top: 2em; }}
h3, h4 {{ margin: .6em 0 .3em; overflow-wrap: anywhere; }}
.side {{ display: flex; flex-wrap: wrap; gap: 2em; align-items: flex-start; }}
.side > div {{ flex: 1 1 30em; min-width: 0; }}
img {{ max-width: 100%; height: auto; display: block; margin: .5em 0; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: right;
  white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }}
p.note {{ color: #55555f; font-size: 13px; margin: .3em 0 1em; white-space: pre-line; }}
pre, code {{ font-size: 12px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


@dataclass(frozen=True)
class Panel:
    """The results of one study of one checkpoint, or of all seeds together."""

    label: str
    found: Findings | None
    note: str = ""
    """Sentence shown above, such as why there are no results."""


@dataclass(frozen=True)
class Section:
    """One study, with its checkpoints side by side."""

    title: str
    panels: Sequence[Panel]


def page(
    title: str,
    checkpoints: Mapping[str, Any],
    sections: Sequence[Section],
    configs: Mapping[str, str],
    origin: Mapping[str, Any],
) -> str:
    """Return the page as HTML with its pictures inside; it links only to its own parts.

    Args:
        title: Title of the page.
        checkpoints: Table as `chisel.analysis.results.plain_table` returns it.
        sections: Studies in the order of the page.
        configs: By label of a checkpoint, the YAML of its config.
        origin: Facts about the report itself, such as its command.
    """
    parts = [table(checkpoints), contents([one.title for one in sections] + [_CONFIGS])]
    parts += [section(one, number) for number, one in enumerate(sections)]
    parts.append(f'<h2 id="part-{len(sections)}">{_CONFIGS}</h2>')
    parts += [folded(label, text) for label, text in configs.items()]
    facts = "\n".join(f"{name}: {value}" for name, value in origin.items())
    parts.append(folded("how this page was made", facts))
    return _PAGE.format(title=escape(title), body="\n".join(parts))


def contents(titles: Sequence[str]) -> str:
    """Return a list of links to the page's parts."""
    items = [
        f'<li><a href="#part-{number}">{escape(title)}</a></li>'
        for number, title in enumerate(titles)
    ]
    return f"<nav><h2>Contents</h2><ol>{''.join(items)}</ol></nav>"


def section(one: Section, number: int) -> str:
    """Return a study's heading, which the contents link to, and its panels."""
    panels = "\n".join(panel(each) for each in one.panels)
    return f'<h2 id="part-{number}">{escape(one.title)}</h2>\n<div class="side">\n{panels}\n</div>'


def panel(one: Panel) -> str:
    """Return the figures, tables and data of one checkpoint."""
    parts = [f"<h3>{escape(one.label)}</h3>"]
    if one.note:
        parts.append(f'<p class="note">{escape(one.note)}</p>')
    if one.found is not None:
        parts += [picture(name, content) for name, content in one.found.figures.items()]
        parts += [table(each) for each in one.found.tables]
        parts += [data(name, text) for name, text in one.found.data.items()]
        if one.found.command:
            parts.append(f"<p class='note'><code>{escape(one.found.command)}</code></p>")
    return f"<div>{''.join(parts)}</div>"


def picture(name: str, content: bytes) -> str:
    """Return a figure, embedded in the page."""
    stem, _, kind = name.rpartition(".")
    text = base64.b64encode(content).decode("ascii")
    return f'<img alt="{escape(stem)}" src="data:image/{kind};base64,{text}">'


def table(plain: Mapping[str, Any]) -> str:
    """Return a table with its title and caption."""
    heads = "".join(f"<th>{escape(str(name))}</th>" for name in plain["columns"])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in plain["rows"]
    )
    title = f"<h4>{escape(plain['title'])}</h4>" if plain["title"] else ""
    caption = f'<p class="note">{escape(plain["caption"])}</p>' if plain["caption"] else ""
    return f'{title}<div class="scroll"><table><tr>{heads}</tr>{rows}</table></div>{caption}'


def data(name: str, text: str) -> str:
    """Return a data file, folded; of a large one, whose text is left out, the name."""
    return folded(name, text) if text else f'<p class="note">{escape(name)}, a large file</p>'


def folded(title: str, text: str) -> str:
    """Return text that opens with a click."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
