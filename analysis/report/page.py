"""Build the page from a template, with a function for each part, and escape all inserted text."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from chisel.analysis.report.collect import Findings

_SUMMARY, _CONFIGS = "Summary", "Configs"
_SPLITS = {
    "test": "held-out test levels",
    "validation": "VALIDATION levels: they may have been used to choose",
}
"""Remark about a result, by the split of its levels."""

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
table.words td {{ text-align: left; white-space: normal; vertical-align: top; }}
table.words th {{ text-align: left; }}
p.mark {{ font-weight: 600; font-size: 13px; margin: .3em 0; }}
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
    seeds: tuple[str, ...] = ()
    """Names of the seeds, if the results are about several together."""

    @property
    def says(self) -> str:
        """The note or, without one, the conclusion of the study."""
        return self.note or (self.found.conclusion if self.found else "")


@dataclass(frozen=True)
class Section:
    """One study, with its checkpoints side by side."""

    title: str
    panels: Sequence[Panel]
    summary: str = ""
    """Summary of the study in one line."""

    @property
    def mark(self) -> str:
        """Remark about the levels of the results; empty if there are no splits."""
        found = {one.found.split for one in self.panels if one.found and one.found.split}
        return "; ".join(_SPLITS.get(one, f"levels of the split {one}") for one in sorted(found))


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
        configs: YAML of each checkpoint's config, by its label.
        origin: Facts about the report itself, such as its command.
    """
    parts = [contents([_SUMMARY, *(one.title for one in sections), _CONFIGS])]
    parts += ['<h2 id="part-0">Summary</h2>', table(checkpoints), summary(sections)]
    parts += [section(one, number) for number, one in enumerate(sections, 1)]
    parts.append(f'<h2 id="part-{len(sections) + 1}">{_CONFIGS}</h2>')
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


def summary(sections: Sequence[Section]) -> str:
    """Return a table of the studies, with summary, levels and conclusion of each."""
    columns = {
        "part": [one.title for one in sections],
        "about": [one.summary for one in sections],
        "measured on": [one.mark for one in sections],
        "conclusion": [" ".join(each.says for each in one.panels) for one in sections],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    rows = list(zip(*shown.values(), strict=True))
    plain = {"title": "Parts", "caption": "", "columns": list(shown), "rows": rows}
    return table(plain, "words")


def section(one: Section, number: int) -> str:
    """Return a study's heading, to which the contents link, and its panels."""
    panels = "\n".join(panel(each, alone=len(one.panels) == 1) for each in one.panels)
    about = f'<p class="note">{escape(one.summary)}</p>' if one.summary else ""
    mark = f'<p class="mark">{escape(one.mark)}</p>' if one.mark else ""
    heading = f'<h2 id="part-{number}">{escape(one.title)}</h2>{about}{mark}'
    return f'{heading}\n<div class="side">\n{panels}\n</div>'


def panel(one: Panel, *, alone: bool = False) -> str:
    """Return the figures, tables and data of one checkpoint.

    Parts about one of several seeds, or about one of several levels, are folded.
    """
    parts = [] if alone else [f"<h3>{escape(one.label)}</h3>"]
    if one.note:
        parts.append(f'<p class="note">{escape(one.note)}</p>')
    if one.found is not None:
        found = one.found
        shown = {k: picture(k, v) for k, v in found.figures.items() if not _of_one(k, one.seeds)}
        each = {k: picture(k, v) for k, v in found.figures.items() if k not in shown}
        tables = [t for t in found.tables if not _of_one(t["title"], one.seeds)]
        parts += shown.values()
        parts += map(table, tables)
        hidden = [*each.values(), *(table(t) for t in found.tables if t not in tables)]
        if hidden:
            parts.append(f"<details><summary>one by one</summary>{''.join(hidden)}</details>")
        parts += [data(name, text) for name, text in found.data.items()]
        if found.command:
            parts.append(f"<p class='note'><code>{escape(found.command)}</code></p>")
    return f"<div>{''.join(parts)}</div>"


def _of_one(name: str, seeds: Sequence[str]) -> bool:
    """Return whether a figure or table is about one seed, or one level, by its name."""
    return name.startswith(tuple(seeds)) if seeds else name[:2].isdigit()


def picture(name: str, content: bytes) -> str:
    """Return a figure, embedded in the page; for an empty one, a note where to find it."""
    if not content:
        return f'<p class="note">{escape(name)}: too large for this page; in the folder below</p>'
    stem, _, kind = name.rpartition(".")
    text = base64.b64encode(content).decode("ascii")
    return f'<img alt="{escape(stem)}" src="data:image/{kind};base64,{text}">'


def table(plain: Mapping[str, Any], kind: str = "") -> str:
    """Return a table with its title and caption; `kind` is a class of the page's style."""
    heads = "".join(f"<th>{escape(str(name))}</th>" for name in plain["columns"])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in plain["rows"]
    )
    title = f"<h4>{escape(plain['title'])}</h4>" if plain["title"] else ""
    caption = f'<p class="note">{escape(plain["caption"])}</p>' if plain["caption"] else ""
    body = f'<table class="{kind}"><tr>{heads}</tr>{rows}</table>'
    return f'{title}<div class="scroll">{body}</div>{caption}'


def data(name: str, text: str) -> str:
    """Return a data file, folded; for a large one without its text, only the name."""
    return folded(name, text) if text else f'<p class="note">{escape(name)}, a large file</p>'


def folded(title: str, text: str) -> str:
    """Return text that is folded, and opens with a click."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
