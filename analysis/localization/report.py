"""Write the JSON, the figures and the tables of the study of localisation."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from chisel.analysis.ablation import ablation_figure
from chisel.analysis.localization.figures import (
    gradient_norm_figure,
    layers_figure,
    matrices_figure,
    training_figure,
)
from chisel.analysis.localization.result import Localization, absorption_table, gradient_norm_table
from chisel.analysis.results import save_figure, write_json


def write_localization(
    folder: Path, studied: Localization, shuffled: Localization | None = None
) -> list[Table]:
    """Write `localization.json` and the figures.

    Args:
        folder: Folder to write to.
        studied: Result of the run or runs that are studied.
        shuffled: Result of runs whose labels were shuffled, as a control.

    Returns:
        Tables for a terminal.
    """
    first = studied.runs[0].origin
    seeds = "" if len(studied.runs) == 1 else f", {len(studied.runs)} seeds"
    what = f"{first['config']['experiment'] or first['checkpoint']}{seeds}"
    digests = ", ".join(str(run.origin["sha256"]) for run in studied.runs)
    stamp = f"sha256 {digests}; seed {first['seed']}"
    data = studied.to_plain()
    if shuffled is not None:
        data["shuffled"] = shuffled.to_plain()
    write_json(folder / "localization.json", data)
    figures = {"gradients": gradient_norm_figure(studied, f"{what}: squared gradient norms")}
    if studied.sides:
        figures["layers"] = layers_figure(studied, f"{what}: absorption by layer")
        figures["training"] = training_figure(studied, shuffled, what)
    matrices = {"routed": studied.ablation}
    if shuffled is not None:
        matrices["shuffled labels"] = shuffled.ablation
    figures["ablation-matrix"] = matrices_figure(matrices, f"{what}: without each region")
    figures["ablation"] = ablation_figure(studied.ablation, f"{what}: without each region")
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png", stamp)
    tables = [gradient_norm_table(studied)]
    if studied.sides:
        tables.append(absorption_table(studied, shuffled))
    return [*tables, *(matrix.table(name) for name, matrix in matrices.items())]
