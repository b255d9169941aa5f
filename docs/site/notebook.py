"""Run notebooks, keep what they print and draw, and show them as pages.

`python docs/site/notebook.py` runs all notebooks and stores their outputs in them.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def executed(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a notebook with the outputs that its code cells give, run one after the other.

    Args:
        notebook: A notebook, format 4.
        name: What tracebacks call it.
    """
    import matplotlib.pyplot as plt  # showing a notebook needs none of it

    plt.switch_backend("Agg")
    namespace = {"__name__": "__main__"}
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), f"{name}, cell {number}", "exec")
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, namespace)  # our own notebook
            outputs = [*_text(printed.getvalue()), *map(_figure, plt.get_fignums())]
            cell = {**cell, "outputs": outputs}
            plt.close("all")
        cells.append(cell)
    return {**notebook, "cells": cells}


def _text(printed: str) -> list[dict[str, Any]]:
    lines = printed.splitlines(keepends=True)
    return [{"output_type": "stream", "name": "stdout", "text": lines}] if lines else []


def _figure(number: int) -> dict[str, Any]:
    import matplotlib.pyplot as plt

    file = io.BytesIO()
    plt.figure(number).savefig(file, dpi=80, bbox_inches="tight")
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def markdown(path: Path) -> str:
    """Return a notebook as Markdown: texts, code, and what the code printed and drew."""
    link = f'*This page is the notebook <a href="{path.name}" download>{path.name}</a>.*'
    parts = [part for cell in json.loads(path.read_text())["cells"] for part in _shown(cell)]
    return "\n\n".join([*parts[:1], link, *parts[1:]])


def _shown(cell: dict[str, Any]) -> Iterable[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            yield f"```text\n{''.join(output['text']).rstrip()}\n```"
        else:
            picture = output["data"]["image/png"]
            yield f"![What the code above draws](data:image/png;base64,{picture})"


def main() -> None:
    """Store the outputs of all notebooks."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text())
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            done = executed(notebook, path.name)
        path.write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
