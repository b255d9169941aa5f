"""Show a notebook with its stored outputs as a page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def markdown(path: Path) -> str:
    """Return the cells of a notebook as Markdown: texts, code, and what the code printed and drew."""
    link = f"*This page is the notebook [{path.name}]({path.name}) with its outputs.*"
    parts = [part for cell in json.loads(path.read_text())["cells"] for part in _cell(cell)]
    return "\n\n".join([*parts[:1], link, *parts[1:]])


def _cell(cell: dict[str, Any]) -> Iterable[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            yield f"```text\n{''.join(output['text']).rstrip()}\n```"
        elif picture := output.get("data", {}).get("image/png"):
            yield f"![](data:image/png;base64,{''.join(picture).strip()})"
