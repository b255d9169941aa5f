"""Turn measurements of localisation into a result: numbers, tables and figures."""

from __future__ import annotations

from chisel.analysis.ablation import ablation_figure
from chisel.analysis.localization.figures import (
    gradient_norm_figure,
    layers_figure,
    matrices_figure,
    training_figure,
)
from chisel.analysis.localization.gradient_norm import MEAN
from chisel.analysis.localization.result import Localization
from chisel.analysis.results import DataTable, Result


def localization_result(studied: Localization, shuffled: Localization | None, title: str) -> Result:
    """Return the result of a study of localisation.

    Args:
        studied: Measurements of the studied run or runs.
        shuffled: Measurements of runs whose labels were shuffled, as a control.
        title: Name of the studied runs, for figures.
    """
    matrices = {"routed": studied.ablation}
    data = studied.to_plain()
    if shuffled is not None:
        matrices["shuffled labels"] = shuffled.ablation
        data["shuffled"] = shuffled.to_plain()
    tables = {"gradients": _gradient_norm_table(studied)}
    figures = {"gradients": gradient_norm_figure(studied, f"{title}: squared gradient norms")}
    if studied.sides:
        tables["absorption"] = _absorption_table(studied, shuffled)
        figures["layers"] = layers_figure(studied, f"{title}: absorption by layer")
        figures["training"] = training_figure(studied, shuffled, title)
    figures["ablation-matrix"] = matrices_figure(matrices, f"{title}: without each region")
    figures["ablation"] = ablation_figure(studied.ablation, f"{title}: without each region")
    for name, matrix in matrices.items():
        tables[f"ablation {name}".replace(" ", "-")] = matrix.table(name)
    return Result(data, tables, figures)


def _gradient_norm_table(localization: Localization) -> DataTable:
    """Return squared gradient norms by kind of example, condition and region."""
    merged = "unlabelled" not in localization.conditions
    return DataTable(
        "squared gradient norms: sums of squared gradients by kind of example and region",
        [
            {
                "examples": kind,
                "learnt from": f"{condition}, or unlabelled"
                if merged and condition == "without routes"
                else condition,
                **{region: norm.value for region, norm in norms.items()},
            }
            for condition in localization.conditions
            for kind, norms in localization.norms(condition).items()
        ],
        caption="on rollouts of the agent itself; a 0 is exact",
        form=dict.fromkeys(localization.at()[0].norms["labelled"].elements.regions, ".3g"),
    )


def _absorption_table(localization: Localization, shuffled: Localization | None) -> DataTable:
    """Return absorption at the beginning and at the end of training."""
    steps = localization.steps()
    columns = {f"at {step:,}": localization.absorption(step) for step in (steps[0], steps[-1])}
    if shuffled is not None:
        columns["shuffled labels"] = shuffled.absorption()
    return DataTable(
        "absorption: of unlabelled examples' gradient in own and foreign regions, the share in own",
        [
            {
                "kind": kind,
                "by size": localization.expected(kind),
                **{name: shares.get(kind) for name, shares in columns.items()},
            }
            for kind in (*localization.sides, MEAN)
        ],
        caption=f"95 % intervals over {localization.of}; a region that attracts more of everything "
        "raises one kind's share as it lowers the other's, so look at the mean",
    )
