"""What a study of ablations leaves behind: JSON, a figure and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chisel.analysis.ablation.figures import ablation_figure
from chisel.analysis.ablation.matrix import AblationMatrix
from chisel.analysis.ablation.seeds import over_seeds
from chisel.analysis.results import keep_tables, save_figure, write_json


def write_ablation(
    folder: Path,
    study: str,
    matrices: Sequence[AblationMatrix],
    origins: Sequence[Mapping[str, Any]],
    title: str,
) -> None:
    """Write `STUDY.json`, `STUDY.png` and the table, which is also printed.

    Args:
        folder: Where.
        study: The study's name.
        matrices: One for each agent; several are put together over seeds.
        origins: Of each agent, its provenance.
        title: Of the figure and the table.
    """
    together = over_seeds(matrices)
    data = {
        "ablation": together.to_plain(),
        "of_each": [matrix.to_plain() for matrix in matrices],
        "runs": [dict(origin) for origin in origins],
    }
    write_json(folder / f"{study}.json", data)
    save_figure(ablation_figure(together, title), folder / f"{study}.png", origins[0]["command"])
    keep_tables(folder, [together.table(title)])
